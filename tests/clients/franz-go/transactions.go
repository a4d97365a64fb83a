// Transactions of franz-go, which uses transaction.version 2 (KIP-890) if the broker has it.
package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// committed reads a partition until its committed values are as expected: markers follow the answer.
func committed(ctx context.Context, name string, expected []string) error {
	c, err := client(kgo.ConsumeTopics(name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return err
	}
	defer c.Close()
	var values []string
	for len(values) < len(expected) {
		fetched := c.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return fmt.Errorf("%d of %d values: %w", len(values), len(expected), err)
		}
		for _, r := range fetched.Records() {
			values = append(values, string(r.Value))
		}
	}
	if !slices.Equal(values, expected) {
		return fmt.Errorf("committed are %v, want %v", values, expected)
	}
	return nil
}

func transactionsAreWhole(ctx context.Context, adm *kadm.Client) error {
	name, err := topic(ctx, adm, "transactions", 1)
	if err != nil {
		return err
	}
	c, err := client(kgo.TransactionalID(run+"-transactions"), kgo.DefaultProduceTopic(name))
	if err != nil {
		return err
	}
	defer c.Close()
	var expected []string
	for i := range 20 {
		if err := c.BeginTransaction(); err != nil {
			return err
		}
		if err := c.ProduceSync(ctx, kgo.StringRecord(strconv.Itoa(i))).FirstErr(); err != nil {
			return err
		}
		commit := kgo.TransactionEndTry(i%3 != 1)
		if err := c.EndTransaction(ctx, commit); err != nil {
			return err
		}
		if commit {
			expected = append(expected, strconv.Itoa(i))
		}
	}
	return committed(ctx, name, expected)
}

// Every other attempt is aborted, and its records are read again.
func offsetsAndRecordsAreCommittedTogether(ctx context.Context, adm *kadm.Client) error {
	in, err := topic(ctx, adm, "in", 1)
	if err != nil {
		return err
	}
	out, err := topic(ctx, adm, "out", 1)
	if err != nil {
		return err
	}
	if err := produce(ctx, in, 0, 100, 1, kgo.NoCompression()); err != nil {
		return err
	}
	group := run + "-transform"
	groups = append(groups, group)
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(bootstrap), kgo.TransactionalID(run+"-transform"),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(in), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets())
	if err != nil {
		return err
	}
	defer session.Close()
	var expected []string
	for attempt := 0; len(expected) < 100; attempt++ {
		fetched := session.PollRecords(ctx, 10)
		if err := fetched.Err(); err != nil {
			return err
		}
		if err := session.Begin(); err != nil {
			return err
		}
		var done []string
		for _, r := range fetched.Records() {
			value := fmt.Sprintf("%d", r.Offset)
			done = append(done, value)
			session.Produce(ctx, &kgo.Record{Topic: out, Value: []byte(value)}, nil)
		}
		ended, err := session.End(ctx, kgo.TransactionEndTry(attempt%2 == 1))
		if err != nil {
			return err
		}
		if ended {
			expected = append(expected, done...)
		}
	}
	for i, value := range expected {
		if value != strconv.Itoa(i) {
			return fmt.Errorf("record %d was done in place of %d", i, len(expected))
		}
	}
	return committed(ctx, out, expected)
}
