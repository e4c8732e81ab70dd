#!/usr/bin/env python3
"""Reads a protected API all day by the card in this workstation's reader.

Business software of a pharmacy or a practice starts like this, and puts its own work where this
reads one address again and again. It needs Python 3.10 or later and nothing else. It keeps one
session with the agent, refreshes the tokens before they expire, says what is going on, survives
pulled cards and restarted servers and agents, and asks nobody more often than makes sense.

    all_day.py --issuer https://id.example --client pharmacy-software \\
        --resource https://api.example --read https://api.example/patients
"""

import argparse
import http.client
import json
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request


# snippet:begin agent
class Over(Exception):
    """The session is over, for the reason of a problem object."""


class Refused(Exception):
    """The agent does not do what was asked, for the reason of a problem object."""


class AgentGone(Exception):
    """No agent is there, or it has closed the connection."""


class Agent:
    """A connection to the agent. It carries one session, which ends with it."""

    def __init__(self, path):
        self.unread = b""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.connect(path)
        except OSError as error:
            self.close()
            raise AgentGone(str(error)) from error

    def close(self):
        self.socket.close()

    def say(self, **message):
        try:
            self.socket.settimeout(30)
            self.socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            # It may have said why before it closed the connection.
            self.hear(1)
            raise AgentGone(str(error)) from error

    def hear(self, seconds):
        """The next message; None if none comes in that time."""
        until = time.monotonic() + seconds
        while b"\n" not in self.unread:
            try:
                # 0 would not wait at all.
                self.socket.settimeout(max(0.001, until - time.monotonic()))
                received = self.socket.recv(65536)
            except TimeoutError:
                return None
            except OSError as error:
                raise AgentGone(str(error)) from error
            if not received:
                raise AgentGone("it has closed the connection")
            self.unread += received
        line, self.unread = self.unread.split(b"\n", 1)
        message = json.loads(line)
        if "ended" in message:
            raise Over(message["ended"])
        if "error" in message:
            raise Refused(message["error"])
        return message

    def wait_for_card(self, card):
        """Waits until a card is there ("present") or is there no longer ("absent")."""
        there = None
        while there is None or (there == "present") != (card == "present"):
            self.say(wait_for_card=card)
            # The agent answers after an hour in any case.
            there = self.answer("card", 2 * 3600)

    def answer(self, member, seconds):
        message = self.hear(seconds)
        if message is None:
            raise AgentGone("it does not answer")
        return message.get(member)
# snippet:end agent


# snippet:begin session
class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token goes to the address that it is for, and to no other that answers name."""

    def redirect_request(self, *_):
        return None


WITHOUT_REDIRECTS = urllib.request.build_opener(NoRedirect)


class Session:
    """Tokens, and the requests that they are for."""

    def __init__(self, agent, settings):
        self.agent, self.settings, self.nonces = agent, settings, {}
        agent.say(sign_in={
            "issuer": settings.issuer,
            "client_id": settings.client,
            "resources": [settings.resource],
        })
        tokens = None
        while tokens is None:
            message = agent.hear(300)
            if message is None:
                raise AgentGone("it does not answer")
            tell(STATES.get(message.get("state")))
            tokens = message.get("tokens")
        self.keep(tokens)

    def keep(self, tokens):
        self.tokens = tokens
        # Early enough for a clock that goes wrong and an answer that takes its time.
        self.refresh_at = time.monotonic() + tokens.get("expires_in", 60) * 2 / 3

    def read(self, url):
        """One request to the API, with a token that lives."""
        if time.monotonic() >= self.refresh_at:
            self.refresh()
        status, body = self.request("GET", url)
        if status == 401:
            # It thinks otherwise of the token than this computer's clock does.
            self.refresh()
            status, body = self.request("GET", url)
        return status, body

    def refresh(self):
        status, body = self.request("POST", self.settings.issuer + "/token", {
            "grant_type": "refresh_token",
            "client_id": self.settings.client,
            "refresh_token": self.tokens.get("refresh_token", ""),
        })
        if status in (400, 401):
            raise Over({"code": "invalid_grant", "title": "La session n’est plus valable."})
        if status != 200:
            raise ConnectionError(f"the token endpoint answers {status}")
        self.keep({**self.tokens, **json.loads(body)})

    def request(self, method, url, form=None):
        """Sends it with a proof, and once more where the server wants its nonce in the proof."""
        origin = urllib.parse.urlsplit(url).netloc
        for nonce_is_new in (False, True):
            asked = {"htm": method, "htu": url, "nonce": self.nonces.get(origin)}
            headers = {}
            if form is None:
                asked["access_token"] = self.tokens["access_token"]
                headers["Authorization"] = "DPoP " + self.tokens["access_token"]
            self.agent.say(proof=asked)
            headers["DPoP"] = self.agent.answer("dpop", 30)
            data = urllib.parse.urlencode(form).encode() if form else None
            request = urllib.request.Request(url, data, headers, method=method)
            try:
                answer = WITHOUT_REDIRECTS.open(request, timeout=20)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                status, body = answer.status, answer.read(1 << 20)
                nonce = answer.headers.get("DPoP-Nonce", self.nonces.get(origin))
                why = answer.headers.get("WWW-Authenticate", "") + body.decode(errors="replace")
            is_new, self.nonces[origin] = nonce != self.nonces.get(origin), nonce
            if not (status in (400, 401) and "use_dpop_nonce" in why and is_new) or nonce_is_new:
                return status, body
# snippet:end session


# snippet:begin day
def work(agent, settings):
    """From the card's arrival to the end of its session."""
    tell("Insérez votre carte pour travailler.")
    agent.wait_for_card("present")
    session = Session(agent, settings)
    tell("Vous êtes connecté. Retirez la carte pour terminer.")
    pause = settings.every
    while True:
        try:
            status, body = session.read(settings.read)
            tell(f"Lu : {status}, {len(body)} octets.")
            pause = settings.every if status < 400 else min(2 * pause, 60)
        except (OSError, http.client.HTTPException, ValueError) as error:
            # The session lasts through an outage of a server, as long as the agent keeps it.
            tell(f"Le serveur ne répond pas ({error}) ; nouvel essai plus tard.")
            pause = min(2 * pause, 60)
        # Nothing is said here but the end, which is heard at once.
        agent.hear(pause)


def day(settings):
    """One session after the other, for ever."""
    pause, retry_by = 1, None
    while True:
        agent, began = None, time.monotonic()
        try:
            agent = Agent(settings.socket)
            if retry_by is not None:
                tell(retry_by)
                agent.wait_for_card("absent")
                retry_by = None
            work(agent, settings)
        except Over as over:
            problem = over.args[0]
            tell(problem["title"])
            if problem["code"] == "card.removed":
                pause = 1
        except Refused as refused:
            problem = refused.args[0]
            code = problem["code"]
            tell(f"{problem['title']} {problem.get('advice', '')} ({code})")
            tell(f"Pour l’assistance : {problem['detail']}")
            if code in TO_BE_SET_UP:
                tell("C’est un réglage à corriger ; relancez ensuite ce logiciel.")
                raise SystemExit(1) from refused
            # A person who said no, or whose card is refused, is not asked again by a clock.
            retry_by = None if code in NOBODY_WAS_ASKED else RETRY_BY.get(code, SAME_CARD)
            pause = max(pause, problem.get("retry_after_seconds", 0))
        except AgentGone as error:
            tell(f"L’agent Cardea ne répond pas ({error}) ; nouvel essai plus tard.")
        finally:
            if agent is not None:
                agent.close()
        if time.monotonic() - began > 60:
            pause = 1
        time.sleep(pause)
        pause = min(2 * pause, 60)
# snippet:end day

# What no card and no clock mends: somebody sets up the workstation or this software.
TO_BE_SET_UP = {"agent.business_software_disabled", "agent.client_not_allowed",
                "agent.issuer_unknown", "agent.proof_refused", "agent.program_request_invalid"}

SAME_CARD = "Retirez la carte et remettez-la pour réessayer."
# The server says no to this software, or to this card.
RETRY_BY = {
    "agent.grant_refused": "L’assistance sait quoi corriger ; une autre carte peut aussi servir.",
}

NOBODY_WAS_ASKED = {"agent.busy", "agent.rate_limited", "agent.screen_locked",
                    "agent.too_many_programs", "agent.issuer_unreachable",
                    "agent.issuer_answer_invalid", "agent.challenge_keys_unreachable",
                    "card.no_card", "card.no_reader"}

STATES = {
    "insert_card": "Insérez votre carte.",
    "reader_missing": "Branchez votre lecteur.",
    "reader_busy": "Un autre logiciel occupe le lecteur ; un instant…",
    "pin_asked": "Saisissez le code de la carte dans la fenêtre de Cardea.",
    "pin_on_reader": "Saisissez le code sur le lecteur.",
    "signing": "La carte signe…",
}


def tell(words):
    """What a person sees. A program with windows shows it in one."""
    if words:
        print(time.strftime("%H:%M:%S"), words, flush=True)


def main():
    runtime_folder = os.environ.get("XDG_RUNTIME_DIR", "/nowhere")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--issuer", required=True, help="as the workstation is enrolled with it")
    parser.add_argument("--client", required=True, help="as which this software is registered")
    parser.add_argument("--resource", required=True, help="the API that the tokens are for")
    parser.add_argument("--read", required=True, help="the address to read")
    parser.add_argument("--every", type=float, default=10, help="seconds from read to read")
    parser.add_argument("--socket", default=runtime_folder + "/cardea-agent/programs.sock")
    try:
        day(parser.parse_args())
    except KeyboardInterrupt:
        tell("Au revoir.")


if __name__ == "__main__":
    main()
