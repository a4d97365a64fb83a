// Checks a broker through franz-go: idempotent produce, bytes in every compression, cooperative groups with manual commits,
// and the admin client. Every wait is a poll with a deadline; topics and groups are deleted at the end.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	limit   = 60 * time.Second
	firstMs = int64(1_700_000_000_000)
)

var (
	bootstrap = os.Args[1]
	run       = fmt.Sprintf("go-%d-%d", os.Getpid(), time.Now().Unix())
	records   = 10000
	topics    []string
	groups    []string
)

func client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap)}, opts...)...)
}

func record(i int) *kgo.Record {
	r := &kgo.Record{Timestamp: time.UnixMilli(firstMs + int64(i)), Value: bytes.Repeat(fmt.Appendf(nil, "value-%d-", i), 1+i%13)}
	if i%7 != 0 {
		r.Key = fmt.Appendf(nil, "key-%d", i)
	}
	if i%3 == 0 {
		r.Headers = []kgo.RecordHeader{{Key: "n", Value: []byte(strconv.Itoa(i))}, {Key: "empty", Value: []byte{}}}
	}
	return r
}

func same(got *kgo.Record, i int) error {
	want := record(i)
	if !bytes.Equal(got.Key, want.Key) || (got.Key == nil) != (want.Key == nil) || !bytes.Equal(got.Value, want.Value) ||
		!got.Timestamp.Equal(want.Timestamp) || len(got.Headers) != len(want.Headers) {
		return fmt.Errorf("record %d differs: %+v, want %+v", i, got, want)
	}
	for h := range want.Headers {
		if got.Headers[h].Key != want.Headers[h].Key || !bytes.Equal(got.Headers[h].Value, want.Headers[h].Value) {
			return fmt.Errorf("record %d: header %d differs", i, h)
		}
	}
	return nil
}

func topic(ctx context.Context, adm *kadm.Client, name string, partitions int32) (string, error) {
	full := run + "-" + name
	// The records' timestamps are of 2023: retention would be right to take them away.
	kept := map[string]*string{"retention.ms": kadm.StringPtr("-1")}
	if _, err := adm.CreateTopic(ctx, partitions, 1, kept, full); err != nil {
		return "", err
	}
	topics = append(topics, full)
	return full, nil
}

// produce sends records from..to round robin over the partitions; franz-go is idempotent unless told otherwise.
func produce(ctx context.Context, name string, from, to, partitions int, codec kgo.CompressionCodec) error {
	c, err := client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec))
	if err != nil {
		return err
	}
	defer c.Close()
	all := make([]*kgo.Record, 0, to-from)
	for i := from; i < to; i++ {
		r := record(i)
		r.Topic, r.Partition = name, int32(i%partitions)
		all = append(all, r)
	}
	for n, result := range c.ProduceSync(ctx, all...) {
		if result.Err != nil {
			return result.Err
		}
		if partitions == 1 && all[n].Offset != int64(from+n) {
			return fmt.Errorf("record %d was acknowledged at offset %d", from+n, all[n].Offset)
		}
	}
	return nil
}

func bytesSurvive(label string, codec kgo.CompressionCodec) func(context.Context, *kadm.Client) error {
	return func(ctx context.Context, adm *kadm.Client) error {
		name, err := topic(ctx, adm, label, 1)
		if err != nil {
			return err
		}
		if err := produce(ctx, name, 0, records, 1, codec); err != nil {
			return err
		}
		c, err := client(kgo.ConsumeTopics(name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		if err != nil {
			return err
		}
		defer c.Close()
		for next := 0; next < records; {
			fetched := c.PollFetches(ctx)
			if err := fetched.Err(); err != nil {
				return fmt.Errorf("after %d records: %w", next, err)
			}
			for _, r := range fetched.Records() {
				if r.Offset != int64(next) {
					return fmt.Errorf("offset %d where %d was due", r.Offset, next)
				}
				if err := same(r, next); err != nil {
					return err
				}
				next++
			}
		}
		return nil
	}
}

// A stopped group goes on where it committed, with cooperative-sticky and commits by hand.
func groupResumes(ctx context.Context, adm *kadm.Client) error {
	name, err := topic(ctx, adm, "resume", 1)
	if err != nil {
		return err
	}
	if err := produce(ctx, name, 0, 1000, 1, kgo.NoCompression()); err != nil {
		return err
	}
	group := run + "-resume"
	groups = append(groups, group)
	for next := int64(0); next < 1000; {
		c, err := client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(name), kgo.DisableAutoCommit(),
			kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		if err != nil {
			return err
		}
		fetched := c.PollRecords(ctx, 300)
		err = fetched.Err()
		for _, r := range fetched.Records() {
			if err == nil && r.Offset != next {
				err = fmt.Errorf("offset %d where %d was due", r.Offset, next)
			}
			next++
		}
		if err == nil {
			err = c.CommitRecords(ctx, fetched.Records()...)
		}
		c.Close()
		if err != nil {
			return err
		}
	}
	committed, err := adm.FetchOffsets(ctx, group)
	if err != nil {
		return err
	}
	if at, ok := committed.Lookup(name, 0); !ok || at.At != 1000 {
		return fmt.Errorf("committed %+v, want 1000", at)
	}
	return nil
}

func adminAnswers(ctx context.Context, adm *kadm.Client) error {
	name, err := topic(ctx, adm, "admin", 3)
	if err != nil {
		return err
	}
	if _, err := adm.CreateTopic(ctx, 1, 1, nil, name); !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("a second create gave %v", err)
	}
	if err := produce(ctx, name, 0, 9, 3, kgo.NoCompression()); err != nil {
		return err
	}
	ends, err := adm.ListEndOffsets(ctx, name)
	if err != nil {
		return err
	}
	for p := range int32(3) {
		if at, ok := ends.Lookup(name, p); !ok || at.Err != nil || at.Offset != 3 {
			return fmt.Errorf("end of partition %d: %+v", p, at)
		}
	}
	configs, err := adm.DescribeTopicConfigs(ctx, name)
	if err != nil {
		return err
	}
	if _, err := configs.On(name, nil); err != nil {
		return err
	}
	described, err := adm.ListTopics(ctx, name)
	if err == nil && len(described[name].Partitions) != 3 {
		err = fmt.Errorf("listed %d partitions", len(described[name].Partitions))
	}
	return err
}

func main() {
	if n, err := strconv.Atoi(os.Getenv("NARU_CHECK_RECORDS")); err == nil {
		records = n
	}
	c, err := client()
	if err != nil {
		fmt.Println(err)
		fmt.Println("0 passed, 1 failed")
		os.Exit(1)
	}
	adm := kadm.NewClient(c)
	checks := []struct {
		name string
		run  func(context.Context, *kadm.Client) error
	}{
		{"bytesSurviveNone", bytesSurvive("none", kgo.NoCompression())},
		{"bytesSurviveGzip", bytesSurvive("gzip", kgo.GzipCompression())},
		{"bytesSurviveSnappy", bytesSurvive("snappy", kgo.SnappyCompression())},
		{"bytesSurviveLz4", bytesSurvive("lz4", kgo.Lz4Compression())},
		{"bytesSurviveZstd", bytesSurvive("zstd", kgo.ZstdCompression())},
		{"groupResumes", groupResumes},
		{"adminAnswers", adminAnswers},
		{"transactionsAreWhole", transactionsAreWhole},
		{"offsetsAndRecordsAreCommittedTogether", offsetsAndRecordsAreCommittedTogether},
	}
	passed, failed := 0, 0
	for _, check := range checks {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		begin := time.Now()
		if err := check.run(ctx, adm); err != nil {
			failed++
			fmt.Printf("FAIL  %s: %v\n", check.name, err)
		} else {
			passed++
			fmt.Printf("ok    %s (%d ms)\n", check.name, time.Since(begin).Milliseconds())
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if _, err := adm.DeleteTopics(ctx, topics...); err != nil {
		failed++
		fmt.Printf("FAIL  deleting topics: %v\n", err)
	}
	if _, err := adm.DeleteGroups(ctx, groups...); err != nil {
		failed++
		fmt.Printf("FAIL  deleting groups: %v\n", err)
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
