import base64, hmac, json, secrets, time, urllib.error, urllib.request


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Adapter:
    def __init__(self, keys_file, pseudonym_file, guard="http://127.0.0.1:8090"):
        with open(keys_file) as file:
            lines = [line for line in file if line.strip() and not line.startswith("#")]
        self.key_id, key = lines[0].split()  # the first line seals
        self.key = decode(key)
        with open(pseudonym_file) as file:
            self.pseudonym_key = decode(file.read().strip())
        self.guard = guard

    def pseudonym(self, number):
        plain = "".join(number.split()).replace("-", "").upper()
        return encode(hmac.digest(self.pseudonym_key, plain.encode(), "sha256")[:16])

    def seal(self, purpose, content):
        head = self.key_id + "." + encode(json.dumps(content).encode())
        return head + "." + encode(hmac.digest(self.key, f"{purpose}\n{head}".encode(), "sha256"))

    def statement(self, session, numbers, **more):
        """Whom the answer names; for a miss, what was asked for."""
        return self.seal("cardea-look-up-1", {
            "t": int(time.time() * 1000),
            "nonce": secrets.token_urlsafe(16),
            "session": session,
            "patients": [self.pseudonym(number) for number in numbers],
            **more,
        })

    def ask(self, headers, numbers, **more):
        """None if the answer may go out, else the status, headers and body to give instead."""
        session = headers["X-Cardea-Sid"] or headers["X-Cardea-Client"]
        question = {
            "access": headers["X-Cardea-Access"],
            "statement": self.statement(session, numbers, **more),
        }
        request = urllib.request.Request(
            self.guard + "/look-ups",
            json.dumps(question).encode(),
            {"Content-Type": "application/json",
             "Accept-Language": headers.get("Accept-Language", "fr")},
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                if json.load(answer)["answer"] == "allow":
                    return None
        except urllib.error.HTTPError as refusal:
            if refusal.code in (401, 403, 429):  # the caller's to hear; all else is our fault
                return refusal.code, dict(refusal.headers), refusal.read()
        except (OSError, ValueError, KeyError):
            pass
        return 503, {}, b""
