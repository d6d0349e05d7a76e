package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
		if err := checkWritable(ctx, client, topic); err != nil {
			return identity{}, err
		}
	}
	var id identity
	err := insist(ctx, client.Config(), func() (err error) {
		id, err = newIdentity(client)
		return err
	})
	if errors.Is(err, sarama.ErrClusterAuthorizationFailed) {
		return identity{}, fmt.Errorf("kafka: no right to write idempotently; allow IdempotentWrite on the cluster: %w", err)
	}
	if err != nil {
		return identity{}, fmt.Errorf("kafka: start a producer: %w", lineError{err})
	}
	return id, nil
}

// insist asks until there is an answer that stays, for as long as a broker may take to
// give one: a broker that is about to go hangs up, and one that has just come is not at
// work yet. A task that does not open would end its topology, on all workers.
func insist(ctx context.Context, conf *sarama.Config, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, conf.Net.ReadTimeout)
	defer cancel()
	for {
		err := ask()
		if err == nil || !momentary(err) || !sleep(ctx, max(conf.Metadata.Retry.Backoff, leastPause)) {
			return err
		}
	}
}

// momentary reports whether the same question may soon have another answer. That a topic is
// unknown is an answer, and that no broker is there is what sarama says after its retries.
func momentary(err error) bool {
	code, said := errors.AsType[sarama.KError](err)
	switch {
	case !said:
		return !errors.Is(err, sarama.ErrOutOfBrokers)
	case code == sarama.ErrUnknownTopicOrPartition:
		return false
	case code == sarama.ErrRequestTimedOut, code == sarama.ErrKafkaStorageError, code == sarama.ErrOffsetNotAvailable:
		return true
	}
	return asleep(code) || leaderMoved(code)
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
func checkWritable(ctx context.Context, client sarama.Client, topic string) error {
	allowed, err := allowedOperations(ctx, client, topic)
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
func allowedOperations(ctx context.Context, client sarama.Client, topic string) (allowed int32, err error) {
	err = insist(ctx, client.Config(), func() (err error) {
		allowed, err = askOperations(client, topic)
		return err
	})
	return allowed, err
}

// askOperations is allowedOperations, asked once.
func askOperations(client sarama.Client, topic string) (int32, error) {
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
		_ = broker.Close() // sarama opens it again at the next request
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
