package peers

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/waterspout/waterspout/benchmarks/internal/models"
)

// playParent starts every peer, without a Kafka, says their process ids, and waits
// to be killed.
func playParent() int {
	engines, err := Engines(context.Background(), os.Getenv("WATERSPOUT_PEERS_DIR"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var pids []string
	for i, e := range engines {
		j := models.Job{Brokers: []string{"127.0.0.1:1"}, In: "in", Out: "out", Group: fmt.Sprint(i)}
		p, err := e.Start(context.Background(), j)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		pids = append(pids, fmt.Sprint(p.Pid()))
	}
	fmt.Println(strings.Join(pids, " "))
	select {}
}
