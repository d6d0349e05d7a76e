//go:build unix && !faults

package faults_test

// slack is what figures of time are multiplied by, on go test ./..., which runs several packages at a time.
const slack = 3
