package realkafka

import (
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
)

//go:embed log4j2.properties
var logging []byte

// heap is enough for the benchmarks' loads.
const heap = "-Xmx1g"

// files writes what Kafka reads at its start into dir.
func files(dir string, ports [2]int, more []string) error {
	text := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=PLAINTEXT://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d
controller.listener.names=CONTROLLER
log.dirs=%[3]s
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
%[4]s
`, ports[0], ports[1], filepath.Join(dir, "data"), strings.Join(more, "\n"))
	if err := os.WriteFile(filepath.Join(dir, "server.properties"), []byte(text), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "log4j2.properties"), logging, 0o644)
}

// ports are two free ones below those that systems hand out themselves. A broker
// that is down finds its own free again, and a client that asks for it meanwhile is
// not connected to itself, as happens to one whose own port is the one it asks for.
func ports() (free [2]int, err error) {
	const first, end = 20_000, 32_000
	found := 0
	for range 1000 {
		port := first + mathrand.IntN(end-first)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // the second must be another
		free[found] = port
		if found++; found == len(free) {
			return free, nil
		}
	}
	return free, errors.New("no two free ports of 127.0.0.1 from 20000 to 31999")
}

// clusterID is one as Kafka makes them.
func clusterID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[0] &= 0x7f           // else it may begin with a hyphen, as an option does
	return base64.RawURLEncoding.EncodeToString(id[:])
}
