package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A price feed: thousands of subscribers, each parked on its own mailbox, and
// an HTTP page with the latest quotes. A watchdog keeps an eye on how many
// subscribers are waiting.

const (
	feedSymbols     = 64
	feedSubscribers = 9000
	watchdogEvery   = 500 * time.Millisecond
)

type priceBoard struct {
	mu     sync.RWMutex
	quotes [feedSymbols]int
	ticks  uint64
}

type subscriber struct {
	symbol  int
	mailbox chan int
	last    int
}

type feedHub struct {
	board   priceBoard
	subs    []*subscriber
	parked  atomic.Int64
	waiting atomic.Int64
	dump    []byte
}

func (h *feedHub) follow(s *subscriber) {
	for {
		h.parked.Add(1)
		price, ok := <-s.mailbox
		h.parked.Add(-1)
		if !ok {
			return
		}
		s.last = price
	}
}

func (h *feedHub) subscribeAll() {
	for i := 0; i < feedSubscribers; i++ {
		s := &subscriber{symbol: i % feedSymbols, mailbox: make(chan int, 1)}
		h.subs = append(h.subs, s)
		go h.follow(s)
	}
}

func (h *feedHub) publish() {
	i := rand.Intn(feedSymbols)
	h.board.mu.Lock()
	h.board.quotes[i] += rand.Intn(9) - 4
	price := h.board.quotes[i]
	h.board.ticks++
	h.board.mu.Unlock()
	s := h.subs[rand.Intn(len(h.subs))]
	select {
	case s.mailbox <- price:
	default:
	}
}

func (h *feedHub) runMarket() {
	for range time.Tick(20 * time.Millisecond) {
		h.publish()
	}
}

// countWaiting asks the runtime what every goroutine is doing.
func (h *feedHub) countWaiting() int64 {
	n := runtime.Stack(h.dump, true) // guilty
	for n == len(h.dump) {
		h.dump = make([]byte, 2*len(h.dump))
		n = runtime.Stack(h.dump, true) // guilty
	}
	return int64(bytes.Count(h.dump[:n], []byte("[chan receive")))
}

func (h *feedHub) watchdog(count func() int64) {
	for range time.Tick(watchdogEvery) {
		h.waiting.Store(count())
	}
}

func (h *feedHub) render() string {
	i := rand.Intn(feedSymbols)
	h.board.mu.RLock()
	price, ticks := h.board.quotes[i], h.board.ticks
	h.board.mu.RUnlock()
	return fmt.Sprintf("S%02d %d.%02d tick %d waiting %d\n", i, price/100, price%100, ticks, h.waiting.Load())
}

func priceFeed(broken bool, addr string) error {
	h := &feedHub{dump: make([]byte, 64<<10)}
	for i := range h.board.quotes {
		h.board.quotes[i] = 5000 + rand.Intn(9000)
	}
	h.subscribeAll()
	go h.runMarket()
	if broken {
		go h.watchdog(h.countWaiting)
	} else {
		go h.watchdog(h.parked.Load)
	}
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, h.render())
	}))
}
