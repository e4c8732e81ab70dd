-- x5t_s256 is the base64url of the SHA-256 of the certificate that the tokens are bound to (RFC
-- 8705 section 3.1); empty where they are bound to a DPoP key or to nothing. Never both.
ALTER TABLE access_grant ADD COLUMN x5t_s256 TEXT;
ALTER TABLE refresh_token_family ADD COLUMN x5t_s256 TEXT;
