//! Proofs out of the stored tree.

use cardea_storage::Transaction;
use cardea_transparency::{
    Hash, consistency_nodes, consistency_proof, inclusion_nodes, inclusion_proof,
};

use crate::Error;
use crate::tree::load_nodes;

/// Proves that the leaf of a place is in the tree of `size` leaves (RFC 9162 section 2.1.3).
///
/// # Errors
/// [`Error::Storage`]; [`Error::Transparency`] where there is no such leaf or tree.
pub async fn inclusion(
    transaction: &mut Transaction,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, Error> {
    let nodes = load_nodes(transaction, &inclusion_nodes(index, size)?).await?;
    Ok(inclusion_proof(index, size, &nodes)?)
}

/// Proves that the tree of `new_size` leaves begins with the one of `old_size` (RFC 9162 section
/// 2.1.4).
///
/// # Errors
/// [`Error::Storage`]; [`Error::Transparency`] where there are no such trees.
pub async fn consistency(
    transaction: &mut Transaction,
    old_size: u64,
    new_size: u64,
) -> Result<Vec<Hash>, Error> {
    let nodes = load_nodes(transaction, &consistency_nodes(old_size, new_size)?).await?;
    Ok(consistency_proof(old_size, new_size, &nodes)?)
}
