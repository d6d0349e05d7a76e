//go:build !unix

package realkafka

import (
	"context"
	"errors"
	"os"
	"os/exec"
)

// Nothing of a broker's is done here: it does not start.
var terminate, freeze, thaw os.Signal = os.Kill, os.Kill, os.Kill

func ownGroup(*exec.Cmd) {}

func lock(context.Context, string) (func(), error) {
	return nil, errors.New("Apache Kafka is run on Unix systems only")
}
