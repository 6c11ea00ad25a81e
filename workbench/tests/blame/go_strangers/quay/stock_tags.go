package main

import (
	"bufio"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Stock levels, asked of the warehouse over one multiplexed connection. Each
// question carries a tag, the reply repeats it.

type stockClient struct {
	conn    net.Conn
	mu      sync.Mutex
	pending map[string]chan int
	seq     uint64
}

func dialWarehouse(addr string) (*stockClient, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &stockClient{conn: conn, pending: map[string]chan int{}}
	go c.readReplies()
	return c, nil
}

func (c *stockClient) readReplies() {
	sc := bufio.NewScanner(c.conn)
	for sc.Scan() {
		tag, qty, ok := strings.Cut(sc.Text(), " ")
		if !ok {
			continue
		}
		n, _ := strconv.Atoi(qty)
		c.deliver(tag, n)
	}
}

func (c *stockClient) deliver(tag string, n int) {
	c.mu.Lock()
	ch, ok := c.pending[tag]
	delete(c.pending, tag)
	c.mu.Unlock()
	if ok {
		ch <- n
	}
}

func (c *stockClient) send(tag, sku string) {
	fmt.Fprintf(c.conn, "%s %s\n", tag, sku)
}

// quantityOf tags the question with the sku itself, so that the warehouse's
// logs can be read.
func (c *stockClient) quantityOf(sku string) int {
	ch := make(chan int, 1)
	c.mu.Lock()
	c.pending[sku] = ch // guilty
	c.mu.Unlock()
	c.send(sku, sku) // guilty
	return <-ch
}

func (c *stockClient) quantityBySeq(sku string) int {
	ch := make(chan int, 1)
	c.mu.Lock()
	c.seq++
	tag := sku + "#" + strconv.FormatUint(c.seq, 10)
	c.pending[tag] = ch
	c.mu.Unlock()
	c.send(tag, sku)
	return <-ch
}

// runWarehouse stands in for the warehouse system, some milliseconds away.
func runWarehouse(ln net.Listener) {
	conn, err := ln.Accept()
	if err != nil {
		return
	}
	var out sync.Mutex
	sc := bufio.NewScanner(conn)
	for sc.Scan() {
		tag, sku, _ := strings.Cut(sc.Text(), " ")
		go func() {
			time.Sleep(time.Duration(6+rand.Intn(5)) * time.Millisecond)
			out.Lock()
			defer out.Unlock()
			fmt.Fprintf(conn, "%s %d\n", tag, len(sku)*7%40)
		}()
	}
}

func describeStock(sku string, n int) string {
	switch {
	case n == 0:
		return sku + ": sold out\n"
	case n < 5:
		return fmt.Sprintf("%s: only %d left\n", sku, n)
	}
	return fmt.Sprintf("%s: %d in stock\n", sku, n)
}

func pickSKU() string {
	return fmt.Sprintf("LAMP-%03d", rand.Intn(40))
}

func stockLookup(broken bool, addr string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go runWarehouse(ln)
	client, err := dialWarehouse(ln.Addr().String())
	if err != nil {
		return err
	}
	quantity := client.quantityBySeq
	if broken {
		quantity = client.quantityOf
	}
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sku := pickSKU()
		fmt.Fprint(w, describeStock(sku, quantity(sku)))
	}))
}
