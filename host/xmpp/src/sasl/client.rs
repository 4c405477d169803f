//! The client's side of SCRAM, for the tests.

use super::{Hash, base64};

/// The client's last message, and the server's that it expects.
pub(crate) fn scram(
    hash: Hash,
    password: &str,
    first_bare: &str,
    binding: &[u8],
    server_first: &str,
) -> (String, String) {
    let attribute = |name: &str| {
        server_first
            .split(',')
            .find_map(|field| field.strip_prefix(name))
            .unwrap()
    };
    let (nonce, salt) = (attribute("r="), base64::decode(attribute("s=")).unwrap());
    let salted = hash.salted(password.as_bytes(), &salt, attribute("i=").parse().unwrap());
    let without_proof = format!("c={},r={nonce}", base64::encode(binding));
    let auth_message = format!("{first_bare},{server_first},{without_proof}");
    let client_key = hash.hmac(&salted, b"Client Key");
    let signature = hash.hmac(&hash.digest(&client_key), auth_message.as_bytes());
    let proof: Vec<u8> = client_key
        .iter()
        .zip(&signature)
        .map(|(left, right)| left ^ right)
        .collect();
    let server_key = hash.hmac(&salted, b"Server Key");
    let server = hash.hmac(&server_key, auth_message.as_bytes());
    (
        format!("{without_proof},p={}", base64::encode(&proof)),
        format!("v={}", base64::encode(&server)),
    )
}
