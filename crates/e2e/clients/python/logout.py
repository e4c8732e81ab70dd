"""What to check in a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6)."""

# snippet:begin logout-token
import time

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

EVENT = "http://schemas.openid.net/event/backchannel-logout"
AGE_SECONDS_MAX = 180


class LogoutMemory(dict):
    """The tokens that were taken, until they expire: each is good for once."""

    def take(self, jti, exp):
        for old in [old for old, end in self.items() if end < time.time()]:
            del self[old]
        if jti in self:
            raise ValueError("seen before")
        self[jti] = exp


def read_logout_token(token, issuer, client_id, keys, memory):
    try:
        decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256", "ES256"])
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": client_id},
            exp={"essential": True},
            iat={"essential": True},
            jti={"essential": True},
        ).validate(decoded.claims)
    except (JoseError, ValueError) as error:
        raise ValueError(f"not a token for us: {error}") from error
    claims = decoded.claims
    # An ID token is no logout token: its type is another, it has no event, and it has a nonce.
    if decoded.header.get("typ") != "logout+jwt" or "nonce" in claims:
        raise ValueError("not a logout token")
    if not isinstance(claims.get("events", {}).get(EVENT), dict):
        raise ValueError("not a logout event")
    if claims["iat"] < time.time() - AGE_SECONDS_MAX:
        raise ValueError("too old")
    if not ("sid" in claims or "sub" in claims):
        raise ValueError("nobody is named")
    memory.take(claims["jti"], claims["exp"])
    return claims
# snippet:end logout-token
