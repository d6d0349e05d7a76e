package reference

import (
	"context"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Broker starts an embedded Kafka of one node in this process and returns its
// addresses. It ends with the process.
func Broker(context.Context, struct{}) ([]string, error) {
	c, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		// A segment is a slice that doubles when it is full: small ones
		// waste and copy little.
		kfake.BrokerConfigs(map[string]string{"log.segment.bytes": "65536"}),
	)
	if err != nil {
		return nil, err
	}
	return c.ListenAddrs(), nil
}
