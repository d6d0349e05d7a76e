package cluster

import "github.com/waterspout/waterspout/tuple"

// A TaskError is an error of one task that ended the topology, or kept it from
// starting. Find it with errors.AsType.
type TaskError = tuple.TaskError

// An AbandonedError says that the topology ended while trees of tuples were
// open.
type AbandonedError = tuple.AbandonedError
