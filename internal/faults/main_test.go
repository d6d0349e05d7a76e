//go:build unix

package faults_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/waterspout/waterspout/internal/faults"
)

func TestMain(m *testing.M) {
	faults.Main()
	goleak.VerifyTestMain(m)
}
