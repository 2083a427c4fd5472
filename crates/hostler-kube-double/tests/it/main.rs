//! The double against what real servers were recorded to answer.
