//! Tokens that lead other verifiers astray (attacks G1, G2, G4 and G7), each refused.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cardea_jose::{Algorithm, Error, SigningKey, UnverifiedJws, VerifyingKey, base64url};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::Value;

const TYP: &str = "example+jwt";
const BYTES_MAX: usize = 64 * 1024;

fn verify(compact: &str, key: &SigningKey) -> Result<Value, Error> {
    let key = VerifyingKey::from_jwk(key.public_jwk())?;
    let verified = UnverifiedJws::parse(compact, BYTES_MAX).and_then(|jws| jws.verify(&key, TYP));
    // What stayed would close the next connection that is read on a server's thread.
    let left = openssl::error::ErrorStack::get();
    assert!(left.errors().is_empty(), "{left:?}");
    verified?.claims()
}

/// A token of exactly this header and payload with an honest RS256 signature over them.
fn signed(header: &[u8], payload: &[u8], key: &SigningKey) -> String {
    let input = format!("{}.{}", base64url(header), base64url(payload));
    let private = PKey::private_key_from_pem(&key.to_pem().unwrap()).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &private).unwrap();
    let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
    format!("{input}.{}", base64url(&signature))
}

fn rsa() -> SigningKey {
    SigningKey::generate(Algorithm::Rs256).unwrap()
}

fn header(members: &str) -> String {
    format!(r#"{{"typ":"{TYP}",{members}}}"#)
}

#[test]
fn a_token_without_a_signature_is_refused_however_none_is_spelled() {
    let key = rsa();
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let header = header(&format!(r#""alg":"{name}""#));
        let unsigned = format!("{}.{}.", base64url(header.as_bytes()), base64url(b"{}"));
        let code = verify(&unsigned, &key).unwrap_err().code();
        assert_eq!(code, "jose.algorithm_not_allowed", "{name}");
    }
    let honest = signed(header(r#""alg":"RS256""#).as_bytes(), b"{}", &key);
    assert!(verify(&honest, &key).is_ok());
    let (input, _) = honest.rsplit_once('.').unwrap();
    let code = verify(&format!("{input}."), &key).unwrap_err().code();
    assert_eq!(code, "jose.signature_invalid");
}

#[test]
fn a_public_key_is_never_a_secret() {
    let key = rsa();
    let public = PKey::private_key_from_pem(&key.to_pem().unwrap()).unwrap();
    let (pem, der) = (
        public.public_key_to_pem().unwrap(),
        public.public_key_to_der().unwrap(),
    );
    for secret in [pem, der] {
        let header = header(r#""alg":"HS256""#);
        let input = format!("{}.{}", base64url(header.as_bytes()), base64url(b"{}"));
        let secret = PKey::hmac(&secret).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &secret).unwrap();
        let tag = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        let forged = format!("{input}.{}", base64url(&tag));
        let code = verify(&forged, &key).unwrap_err().code();
        assert_eq!(code, "jose.algorithm_not_allowed");
    }
}

#[test]
fn a_key_that_the_token_brings_along_is_not_used() {
    let (key, attacker) = (rsa(), rsa());
    let jwk = serde_json::to_string(attacker.public_jwk()).unwrap();
    let brought = header(&format!(r#""alg":"RS256","jwk":{jwk}"#));
    let code = verify(&signed(brought.as_bytes(), b"{}", &attacker), &key)
        .unwrap_err()
        .code();
    assert_eq!(code, "jose.signature_invalid");
    assert!(verify(&signed(brought.as_bytes(), b"{}", &key), &key).is_ok());
    for parameter in [
        r#""jku":"https://evil.test/keys""#,
        r#""x5u":"https://evil.test/certificate""#,
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""b64":false"#,
        r#""b64":true"#,
    ] {
        let odd = header(&format!(r#""alg":"RS256",{parameter}"#));
        let code = verify(&signed(odd.as_bytes(), b"{}", &key), &key)
            .unwrap_err()
            .code();
        assert_eq!(code, "jose.header_refused", "{parameter}");
    }
}

#[test]
fn json_that_parsers_disagree_about_is_refused() {
    let key = rsa();
    let deep = format!(
        r#""alg":"RS256","x":{}{}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    for members in [
        r#""alg":"none","alg":"RS256""#,
        r#""alg":"RS256","alg":"RS256""#,
        r#""alg":"RS256","typ":"example+jwt""#,
        r#""alg":["RS256"]"#,
        r#""alg":NaN"#,
        r#""alg":"RS256","x":NaN"#,
        r#""alg":"RS256","x":Infinity"#,
        r#""alg":"RS256","x":'y'"#,
        r#""alg":"RS256","#,
        "\"alg\":\"RS256\"/**/",
        deep.as_str(),
    ] {
        let odd = header(members);
        let code = verify(&signed(odd.as_bytes(), b"{}", &key), &key)
            .unwrap_err()
            .code();
        assert_eq!(
            code,
            "jose.malformed",
            "{}",
            &members[..members.len().min(60)]
        );
    }
    let honest = header(r#""alg":"RS256""#);
    for payload in [
        b"".as_slice(),
        b"{}{}",
        b"\xef\xbb\xbf{}",
        b"{\"sub\":\"\xff\"}",
        b"{\"exp\":NaN}",
        b"{\"exp\":1e400}",
        br#"{"sub":"\ud800"}"#,
    ] {
        let token = signed(honest.as_bytes(), payload, &key);
        let code = verify(&token, &key).unwrap_err().code();
        assert_eq!(code, "jose.claims_malformed", "{payload:?}");
    }
    let odd_bytes = [honest.as_bytes(), b"\xff"].concat();
    let code = verify(&signed(&odd_bytes, b"{}", &key), &key)
        .unwrap_err()
        .code();
    assert_eq!(code, "jose.malformed");
}

#[test]
fn base64_has_one_spelling() {
    let key = rsa();
    let token = signed(
        header(r#""alg":"RS256""#).as_bytes(),
        br#"{"sub":"?~"}"#,
        &key,
    );
    assert!(verify(&token, &key).is_ok());
    let parts: Vec<&str> = token.split('.').collect();
    for at in 0..3 {
        let with = |part: String| {
            let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            changed[at] = part;
            changed.join(".")
        };
        let standard = parts[at].replace('-', "+").replace('_', "/");
        let mut cases = vec![
            with(format!("{}=", parts[at])),
            with(format!("{}==", parts[at])),
            with(format!(" {}", parts[at])),
            with(format!("{}\n", parts[at])),
            with(format!("{}A", parts[at])),
        ];
        if standard != parts[at] {
            cases.push(with(standard));
        }
        for case in cases {
            let code = verify(&case, &key).unwrap_err().code();
            // Four more bits may also make another, longer text: then it is not what was signed.
            let refused = ["jose.malformed", "jose.signature_invalid"];
            assert!(refused.contains(&code), "{at}: {code}");
        }
    }
}

#[test]
fn bits_past_the_end_of_a_signature_are_refused() {
    let key = rsa();
    let token = signed(header(r#""alg":"RS256""#).as_bytes(), b"{}", &key);
    // 256 bytes are 342 characters, the last of which carries two bits of the last byte.
    let (body, last) = token.split_at(token.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let position = alphabet.find(last).unwrap();
    assert_eq!(position % 16, 0);
    for extra in 1..16 {
        let other = &alphabet[position + extra..=position + extra];
        let code = verify(&format!("{body}{other}"), &key).unwrap_err().code();
        assert_eq!(code, "jose.malformed");
    }
}
