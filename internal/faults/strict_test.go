//go:build unix && faults

package faults_test

// slack is what figures of time are multiplied by, on a machine that has nothing else to do.
const slack = 1
