package realkafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var shared struct {
	sync.Mutex
	broker *Broker
	err    error
}

// Shared is one broker for all tests of a program. The first call starts it, and
// each starts it again if a test has killed it, wipes it, and creates topics, each
// "name" or "name:partitions". Tests that use it do not run in parallel. The program
// ends it with [CloseShared].
func Shared(ctx context.Context, topics ...string) (*Broker, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.broker == nil && shared.err == nil {
		// A broker that was killed is let in again when its session has ended,
		// after nine seconds by default.
		shared.broker, shared.err = Start(ctx, "", "broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500")
	}
	if shared.err != nil {
		return nil, shared.err
	}
	if shared.broker.ended() {
		if err := shared.broker.Restart(ctx); err != nil {
			return nil, err
		}
	}
	if err := shared.broker.Wipe(ctx); err != nil {
		return nil, err
	}
	return shared.broker, shared.broker.create(ctx, topics)
}

// CloseShared closes the broker that Shared has started, if it has.
func CloseShared() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.broker == nil {
		return nil
	}
	return shared.broker.Close()
}

// Wipe removes all topics and consumer groups. It waits for the members of groups
// to leave or expire, until ctx ends or a minute is over.
func (b *Broker) Wipe(ctx context.Context) error {
	err := b.administer(ctx, func(ctx context.Context, admin *kadm.Client) error {
		left, err := remove(ctx, admin)
		if err == nil && left > 0 {
			err = fmt.Errorf("%d topics and groups are left", left)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("realkafka: wipe: %w", err)
	}
	return nil
}

// remove asks for the removal of what is there, and returns how much that was.
func remove(ctx context.Context, admin *kadm.Client) (left int, err error) {
	groups, err := admin.ListGroups(ctx)
	if err != nil {
		return 0, err
	}
	topics, err := admin.ListTopics(ctx)
	if err != nil {
		return 0, err
	}
	if len(groups) > 0 {
		_, err = admin.DeleteGroups(ctx, groups.Groups()...)
	}
	if len(topics) > 0 {
		_, topicErr := admin.DeleteTopics(ctx, topics.Names()...)
		err = errors.Join(err, topicErr)
	}
	return len(groups) + len(topics), err
}

// create creates topics and waits until their partitions have leaders.
func (b *Broker) create(ctx context.Context, topics []string) error {
	for _, spec := range topics {
		name, count, found := strings.Cut(spec, ":")
		partitions, err := strconv.Atoi(count)
		if found == (err != nil) {
			return fmt.Errorf("realkafka: topic %q: want name or name:partitions", spec)
		}
		err = b.administer(ctx, func(ctx context.Context, admin *kadm.Client) error {
			_, err := admin.CreateTopic(ctx, int32(max(partitions, 1)), 1, nil, name)
			if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) { // created by the try before
				return err
			}
			ends, err := admin.ListEndOffsets(ctx, name)
			return cmp.Or(err, ends.Error())
		})
		if err != nil {
			return fmt.Errorf("realkafka: create topic %s: %w", name, err)
		}
	}
	return nil
}

// administer tries again until it works, ctx ends or patience does.
func (b *Broker) administer(ctx context.Context, try func(context.Context, *kadm.Client) error) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for admin := kadm.NewClient(client); ; {
		err := try(ctx, admin)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-look.C:
		}
	}
}
