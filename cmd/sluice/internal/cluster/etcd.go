package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/client/v3"
)

const (
	leaseLasts = 2 * time.Second
	askWithin  = 2 * time.Second // etcd may take for an answer
	// keptLasts is how much longer numbers stay than a stream waits for its publisher, once their node has gone.
	keptLasts = time.Minute
)

var errTaken = errors.New("another process is the node of this name: give each its own cluster.node")

// directory is etcd, asked under the lease of a node.
type directory struct {
	client clientv3.KV
	lease  clientv3.LeaseID // of the node, and the streams that it has
	kept   clientv3.LeaseID // of their numbers, which outlive it
}

// commit does one thing if the conditions hold, and the other if not.
func (d directory) commit(ctx context.Context, conditions []clientv3.Cmp, then, otherwise []clientv3.Op) (*clientv3.TxnResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return d.client.Txn(ctx).If(conditions...).Then(then...).Else(otherwise...).Commit()
}

// found is the value that a commit has got; "" where there is none any more.
func found(answer *clientv3.TxnResponse) string {
	for _, r := range answer.Responses {
		for _, kv := range r.GetResponseRange().GetKvs() {
			if len(kv.Value) <= maxNumbers {
				return string(kv.Value)
			}
		}
	}
	return ""
}

// register says what the node is. A process of the same name before this one is gone with its lease.
func (d directory) register(ctx context.Context, id string, r record) error {
	key := nodeKeys + id
	put := clientv3.OpPut(key, r.String(), clientv3.WithLease(d.lease))
	answer, err := d.commit(ctx, []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(key), "=", 0)}, []clientv3.Op{put}, []clientv3.Op{clientv3.OpGet(key)})
	if err != nil || answer.Succeeded {
		return err
	}
	there := found(answer)
	if old, err := parseRecord([]byte(there)); err != nil || old.Instance != r.Instance {
		return errTaken
	}
	answer, err = d.commit(ctx, []clientv3.Cmp{clientv3.Compare(clientv3.Value(key), "=", there)}, []clientv3.Op{put}, nil)
	if err == nil && !answer.Succeeded {
		err = errTaken
	}
	return err
}

// claimed is who has a stream now.
type claimed struct {
	node string
	term int64    // since when, where that is who has asked
	from *Numbers // what the stream goes on from, likewise; nil for nothing
}

// claim makes a node the owner of a stream that has none, and returns who is that now. One that it owns already comes under the lease.
func (d directory) claim(ctx context.Context, stream, id string) (c claimed, err error) {
	key := ownerKeys + stream
	then := []clientv3.Op{clientv3.OpPut(key, id, clientv3.WithLease(d.lease)), clientv3.OpGet(numberKeys + stream)}
	for _, condition := range []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(key), "=", 0), clientv3.Compare(clientv3.Value(key), "=", id)} {
		answer, err := d.commit(ctx, []clientv3.Cmp{condition}, then, []clientv3.Op{clientv3.OpGet(key)})
		if err != nil {
			return claimed{}, err
		}
		if answer.Succeeded {
			c = claimed{node: id, term: answer.Header.Revision}
			if text := found(answer); text != "" {
				if from, err := parseNumbers([]byte(text)); err == nil {
					c.from = &from
				}
			}
			return c, nil
		}
		if c.node = found(answer); c.node != id && c.node != "" {
			return c, nil
		}
	}
	return claimed{}, errors.New("the owner of the stream has just changed")
}

// release has a stream have no owner, if it is still that of the term. With forget nobody goes on from its numbers.
func (d directory) release(ctx context.Context, stream string, term int64, forget bool) error {
	key := ownerKeys + stream
	then := []clientv3.Op{clientv3.OpDelete(key)}
	if forget {
		then = append(then, clientv3.OpDelete(numberKeys+stream))
	}
	_, err := d.commit(ctx, []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(key), "=", term)}, then, nil)
	return err
}

// all is what there is, and the revision of which it is that.
func (d directory) all(ctx context.Context) (now []change, revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	answer, err := d.client.Get(ctx, allKeys, clientv3.WithPrefix(), clientv3.WithLimit(maxNodes+maxOwners))
	if err != nil {
		return nil, 0, err
	}
	for _, kv := range answer.Kvs {
		now = append(now, change{kv.Key, kv.Value, kv.ModRevision, false})
	}
	return now, answer.Header.Revision, nil
}

// watch tells of each change after a revision.
func watch(ctx context.Context, client *clientv3.Client, revision int64) clientv3.WatchChan {
	return client.Watch(clientv3.WithRequireLeader(ctx), allKeys, clientv3.WithPrefix(), clientv3.WithRev(revision+1))
}

// grant has etcd make a lease, which lasts as long as it is kept alive.
func grant(ctx context.Context, client *clientv3.Client, lasts time.Duration) (clientv3.LeaseID, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	answer, err := client.Grant(ctx, int64((lasts+time.Second-1)/time.Second))
	if err != nil {
		return 0, fmt.Errorf("ask for a lease: %w", err)
	}
	return answer.ID, nil
}

// revoke ends the lease, and all that is under it.
func revoke(ctx context.Context, client *clientv3.Client, lease clientv3.LeaseID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
	defer cancel()
	_, _ = client.Revoke(ctx, lease) // or it ends by itself
}
