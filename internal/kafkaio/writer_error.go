package kafkaio

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"
)

// A RefusedError is the broker's or the client's word that a record can never be
// written as it is.
type RefusedError struct {
	Topic string
	Err   error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("kafka: topic %q refused the record: %v", e.Topic, e.Err)
}

func (e *RefusedError) Unwrap() error { return e.Err }

// A verdict is what to do with a batch after its answer.
type verdict uint8

const (
	again        verdict = iota // send it again as it is: it may have been written
	written                     // it is there
	disowned                    // send it again under a new identity
	refusedBatch                // not written, for one of its records or their number
	refusedAll                  // not written, for what each of its records has
)

// Codes of the answers to a batch. What is in none of these lists may pass.
var (
	refusingBatch = []sarama.KError{
		sarama.ErrMessageSizeTooLarge, sarama.ErrMessageSetSizeTooLarge,
		sarama.ErrInvalidRecord, sarama.ErrInvalidTimestamp,
	}
	refusing = []sarama.KError{
		sarama.ErrTopicAuthorizationFailed, sarama.ErrClusterAuthorizationFailed,
		sarama.ErrInvalidTopic, sarama.ErrPolicyViolation,
		sarama.ErrUnsupportedForMessageFormat, sarama.ErrUnsupportedCompressionType,
		sarama.ErrInvalidRequiredAcks,
	}
	disowning = []sarama.KError{
		sarama.ErrOutOfOrderSequenceNumber, sarama.ErrUnknownProducerID,
		sarama.ErrInvalidProducerEpoch, sarama.ErrProducerFenced,
		sarama.ErrInvalidProducerIDMapping, sarama.ErrInvalidTxnState,
	}
)

func judge(err error) verdict {
	if err == nil {
		return written
	}
	code, ok := errors.AsType[sarama.KError](err)
	switch {
	case !ok:
		return again
	case code == sarama.ErrDuplicateSequenceNumber:
		return written
	case slices.Contains(refusingBatch, code):
		return refusedBatch
	case slices.Contains(refusing, code):
		return refusedAll
	case slices.Contains(disowning, code):
		return disowned
	}
	return again
}

// An unsentError says why a request did not leave.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

// unwritten reports whether err, which is no refusal, says that this time a batch
// certainly was not written: it did not leave, or sarama could not encode it. A leader
// that is deposed while it waits for its replicas, a time-out and a lost connection do
// not say so.
func unwritten(err error) bool {
	_, unsent := errors.AsType[unsentError](err)
	if _, unsaid := errors.AsType[sarama.PacketEncodingError](err); unsent || unsaid {
		return true
	}
	code, _ := errors.AsType[sarama.KError](err)
	return code == sarama.ErrNotEnoughReplicas || code == sarama.ErrUnknownTopicOrPartition
}

// outcome is the error to report for a record that is given up. A topic that is
// unknown refuses it only before it was ever seen, which the router tells: that is a
// mistake. One that is gone later may come back, and is an outage.
func outcome(topic string, err error) error {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused
	}
	if v := judge(err); v == refusedBatch || v == refusedAll {
		return &RefusedError{topic, err}
	}
	return fmt.Errorf("kafka: write to topic %s: %w", topic, lineError{err})
}

// A lineError is an error of sarama on one line: it joins what each broker said,
// line by line, and often all said the same.
type lineError struct{ error }

func (e lineError) Error() string {
	lines := strings.Split(e.error.Error(), "\n")
	return strings.Join(slices.Compact(lines), "; ")
}

func (e lineError) Unwrap() error { return e.error }
