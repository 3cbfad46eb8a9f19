// Linearizability
