// Package peers holds the sources of the peers, Apache Storm's and Apache Spark's
// programs for the reference job, so that they can be built wherever the benchmarks
// run. README.md says what they are; benchmarks/internal/peers builds and starts
// them. Sources is never written to, and may be read from any goroutine.
//
//	program, err := peers.Sources.ReadFile("storm/Storm.java")
package peers

import "embed"

// Sources has a directory a Maven module, each with its pom.xml and its program, and
// one named common with what the programs share.
//
//go:embed common dstreams storm structured
var Sources embed.FS
