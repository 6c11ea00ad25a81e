package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Stock levels for a web shop. All questions to the warehouse share one line-based TCP connection;
// answers come back in any order and are matched by number.

type stockQuestion struct {
	No  uint64 `json:"no"`
	SKU int    `json:"sku"`
}

type stockAnswer struct {
	No    uint64 `json:"no"`
	Count int    `json:"count"`
}

type warehouseLink struct {
	mu      sync.Mutex
	sock    net.Conn
	next    uint64
	prices  string
	waiting map[uint64]chan stockAnswer
	deliver func(ch chan stockAnswer, a stockAnswer)
}

func (l *warehouseLink) register() (uint64, chan stockAnswer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	ch := make(chan stockAnswer) // guilty
	l.waiting[l.next] = ch
	return l.next, ch
}

func (l *warehouseLink) take(no uint64) chan stockAnswer {
	l.mu.Lock()
	defer l.mu.Unlock()
	ch := l.waiting[no]
	delete(l.waiting, no)
	return ch
}

// offer hands an answer over without ever holding up the reader
func offer(ch chan stockAnswer, a stockAnswer) {
	select {
	case ch <- a:
	default: // guilty
	}
}

func handOver(ch chan stockAnswer, a stockAnswer) { ch <- a }

func (l *warehouseLink) readAnswers() {
	in := bufio.NewScanner(l.sock)
	for in.Scan() {
		var a stockAnswer
		if json.Unmarshal(in.Bytes(), &a) == nil {
			l.deliver(l.take(a.No), a)
		}
	}
}

func (l *warehouseLink) send(q stockQuestion) error {
	line, _ := json.Marshal(q)
	_, err := l.sock.Write(append(line, '\n'))
	return err
}

// price asks the price list, a second service, while the warehouse is looking
func (l *warehouseLink) price(sku int) (string, error) {
	resp, err := http.Get(fmt.Sprintf("%s?sku=%d", l.prices, sku))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

func priceList() string {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go http.Serve(lis, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Millisecond)
		sku, _ := strconv.Atoi(r.URL.Query().Get("sku"))
		fmt.Fprintf(w, "EUR %d.90", 3+sku%70)
	}))
	return "http://" + lis.Addr().String() + "/"
}

func (l *warehouseLink) lookUp(sku int) (int, string, error) {
	no, ch := l.register()
	q := stockQuestion{No: no, SKU: sku}
	if err := l.send(q); err != nil {
		l.take(no)
		return 0, "", err
	}
	price, err := l.price(sku)
	a := <-ch
	return a.Count, price, err
}

// warehouse answers from its shelf index, or at once for the head of each aisle (160 articles)
func warehouse(lis net.Listener) {
	c, err := lis.Accept()
	must(err)
	reply := func(q stockQuestion) {
		line, _ := json.Marshal(stockAnswer{q.No, (q.SKU * 7919) % 240})
		c.Write(append(line, '\n'))
	}
	in := bufio.NewScanner(c)
	for in.Scan() {
		var q stockQuestion
		if json.Unmarshal(in.Bytes(), &q) != nil {
			continue
		}
		if q.SKU%160 == 0 {
			reply(q)
		} else {
			time.AfterFunc(5*time.Millisecond, func() { reply(q) })
		}
	}
}

func stockCheck(broken bool, port string) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go warehouse(lis)
	sock, err := net.Dial("tcp", lis.Addr().String())
	must(err)
	link := &warehouseLink{sock: sock, prices: priceList(), waiting: map[uint64]chan stockAnswer{}, deliver: handOver}
	if broken {
		link.deliver = offer
	}
	go link.readAnswers()
	var visits atomic.Int64
	serve(port, func(w http.ResponseWriter, r *http.Request) {
		sku := int(visits.Add(1) * 331 % 800)
		n, price, err := link.lookUp(sku)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, "sku %d: %d in stock, %s\n", sku, n, price)
	})
}
