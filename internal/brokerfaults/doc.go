// Package brokerfaults proves what both Kafka ends promise when Kafka suffers: a job
// that copies a topic runs in the test's process, a steady input is poured, and
// meanwhile an embedded Kafka of three nodes refuses, times out, moves leaders and
// coordinators, stands still, restarts, or breaks connections in the middle of a
// request or of an answer.
//
// The judge reads broker data alone: every input is in the output, none is there
// twice unless the fault may double, the records that one task read of one partition
// are in the order of their offsets in each partition of the output but for as many as
// were replayed, no commit goes back, and all of the input is committed in the end.
//
// Each fault goes on for a second or two in go test, and for as long as
// docs/faults.md says, on a million records, with the build tag faults. So does a
// test that draws faults from a seed for ten minutes:
//
//	go test ./internal/brokerfaults
//	go test -tags faults -timeout 60m -v ./internal/brokerfaults
//	go test -tags faults -timeout 60m -run TestRandomFaults -seed 7 ./internal/brokerfaults
//
// With the build tag kafka, Apache Kafka itself is killed and started again, and stopped:
//
//	go test -tags "kafka faults" -timeout 60m -v -run TestProcessFaults ./internal/brokerfaults
//
// It has nothing but tests.
package brokerfaults
