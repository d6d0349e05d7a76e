//go:build faults

package brokerfaults

const long = true
