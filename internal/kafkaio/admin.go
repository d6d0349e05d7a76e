package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// dial makes a client and looks topics up, or all if there are none to name: sarama's
// speaks to nobody at first, and knows of no other broker until it has. Brokers that are
// not reached, or let nobody in, are one error in one line.
func dial(brokers []string, conf *sarama.Config, topics []string) (sarama.Client, error) {
	client, err := sarama.NewClient(brokers, conf)
	if err == nil {
		if err = client.RefreshMetadata(topics...); !errors.Is(err, sarama.ErrOutOfBrokers) {
			return client, nil // what else is wrong with a topic is said by who looks it up
		}
		_ = client.Close() // err says more
	}
	return nil, fmt.Errorf("kafka: no broker at %s lets us in; check addresses, TLS and SASL: %w", strings.Join(brokers, ", "), lineError{err})
}

// checkWriter checks the topics and gets an identity to write under.
func checkWriter(ctx context.Context, client sarama.Client, topics []string) (identity, error) {
	for _, topic := range topics {
		if err := checkWritable(client, topic); err != nil {
			return identity{}, err
		}
	}
	id, err := firstIdentity(ctx, client)
	if errors.Is(err, sarama.ErrClusterAuthorizationFailed) {
		return identity{}, fmt.Errorf("kafka: no right to write idempotently; allow IdempotentWrite on the cluster: %w", err)
	}
	if err != nil {
		return identity{}, fmt.Errorf("kafka: start a producer: %w", lineError{err})
	}
	return id, nil
}

// firstIdentity is newIdentity, asked again while a broker that has just started
// has no producer ids yet, for as long as one may take to answer.
func firstIdentity(ctx context.Context, client sarama.Client) (identity, error) {
	conf := client.Config()
	ctx, cancel := context.WithTimeout(ctx, conf.Net.ReadTimeout)
	defer cancel()
	for {
		id, err := newIdentity(client)
		if !errors.Is(err, sarama.ErrOffsetsLoadInProgress) {
			return id, err
		}
		select {
		case <-ctx.Done():
			return id, err
		case <-time.After(conf.Metadata.Retry.Backoff):
		}
	}
}

// newIdentity asks a broker for a producer id that nobody has used.
func newIdentity(client sarama.Client) (identity, error) {
	broker := client.LeastLoadedBroker()
	if broker == nil {
		return identity{}, sarama.ErrOutOfBrokers
	}
	response, err := broker.InitProducerID(&sarama.InitProducerIDRequest{Version: 1})
	if err != nil {
		_ = broker.Close() // sarama opens it again at the next request
		return identity{}, err
	}
	if response.Err != sarama.ErrNoError {
		return identity{}, response.Err
	}
	return identity{response.ProducerID, response.ProducerEpoch}, nil
}

// A missingTopic is the error of a topic that is not there, in words of its own: the
// broker's say the same again.
type missingTopic string

func (t missingTopic) Error() string {
	return fmt.Sprintf("kafka: topic %s does not exist; create it", string(t))
}

func (missingTopic) Unwrap() error { return sarama.ErrUnknownTopicOrPartition }

// checkWritable says in one line why a topic cannot be written to.
func checkWritable(client sarama.Client, topic string) error {
	allowed, err := allowedOperations(client, topic)
	switch {
	case errors.Is(err, sarama.ErrUnknownTopicOrPartition):
		return missingTopic(topic)
	case errors.Is(err, sarama.ErrTopicAuthorizationFailed):
		return fmt.Errorf("kafka: no right to see topic %s; allow Describe and Write: %w", topic, err)
	case err != nil:
		return fmt.Errorf("kafka: look up topic %s: %w", topic, lineError{err})
	case allowed != unknownOperations && allowed&(1<<sarama.AclOperationWrite) == 0:
		return fmt.Errorf("kafka: no right to write to topic %s; allow Write: %w", topic, sarama.ErrTopicAuthorizationFailed)
	}
	return nil
}

// unknownOperations is what a broker says that does not tell.
const unknownOperations = -1 << 31

// allowedOperations asks a broker for the topic, which must exist, and for the
// bits of what this client may do with it.
func allowedOperations(client sarama.Client, topic string) (int32, error) {
	// sarama's own look-up first: it waits for a leader, goes round the
	// brokers and does not tell the operations.
	if _, err := client.Partitions(topic); err != nil {
		return 0, err
	}
	if !client.Config().Version.IsAtLeast(sarama.V2_3_0_0) {
		return unknownOperations, nil
	}
	broker := client.LeastLoadedBroker()
	if broker == nil {
		return unknownOperations, nil
	}
	request := sarama.NewMetadataRequest(client.Config().Version, []string{topic})
	request.Version = 8
	request.IncludeTopicAuthorizedOperations = true
	response, err := broker.GetMetadata(request)
	if err != nil {
		return 0, err
	}
	if len(response.Topics) == 0 {
		return unknownOperations, nil
	}
	if t := response.Topics[0]; t.Err != sarama.ErrNoError {
		return 0, t.Err
	}
	return response.Topics[0].TopicAuthorizedOperations, nil
}
