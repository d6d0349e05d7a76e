//go:build !faults

package brokerfaults

// long is whether a fault goes on for as long as docs/faults.md says.
const long = false
