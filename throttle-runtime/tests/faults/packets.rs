//! Packets that are really lost: where root and `nft` are there.
