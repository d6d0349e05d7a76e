//go:build race

package codec_test

// The race detector makes sync.Pool drop values at random.
const raceEnabled = true
