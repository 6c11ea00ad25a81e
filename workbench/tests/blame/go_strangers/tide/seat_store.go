package main

// Seat map: the box office's front. Free seats live in the seat store, which
// speaks a small framed protocol over TCP: 8 bytes of head, then the body.

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

const seatRows, seatsPerRow = 12, 24

// seatStore serves one client of the store.
func seatStore(c net.Conn) {
	defer c.Close()
	head := make([]byte, 8)
	for {
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[4:]))
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		show := binary.BigEndian.Uint32(head)
		row := make([]byte, 4+seatRows*seatsPerRow/8)
		binary.BigEndian.PutUint32(row, uint32(len(row)-4))
		for i := range row[4:] {
			row[4+i] = byte(show*uint32(i+3)*2654435761>>13) ^ body[i%len(body)]
		}
		if _, err := c.Write(row); err != nil {
			return
		}
	}
}

type seatClient struct {
	idle chan net.Conn
	ask  func(c net.Conn, show uint32, section string) error
}

// fewerPackets lets the kernel put small writes together.
func fewerPackets(c net.Conn) error {
	return c.(*net.TCPConn).SetNoDelay(false) // guilty
}

func newSeatClient(addr string, conns int, broken bool) (*seatClient, error) {
	sc := &seatClient{idle: make(chan net.Conn, conns), ask: askWhole}
	if broken {
		sc.ask = askFramed
	}
	for range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		if broken {
			if err := fewerPackets(c); err != nil {
				return nil, err
			}
		}
		sc.idle <- c
	}
	return sc, nil
}

func askHead(show uint32, section string) []byte {
	head := make([]byte, 8, 8+len(section))
	binary.BigEndian.PutUint32(head, show)
	binary.BigEndian.PutUint32(head[4:], uint32(len(section)))
	return head
}

func askWhole(c net.Conn, show uint32, section string) error {
	_, err := c.Write(append(askHead(show, section), section...))
	return err
}

func askFramed(c net.Conn, show uint32, section string) error {
	if _, err := c.Write(askHead(show, section)); err != nil { // guilty
		return err
	}
	_, err := io.WriteString(c, section) // guilty
	return err
}

func readSeats(c net.Conn) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	bits := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(c, bits)
	return bits, err
}

func (sc *seatClient) freeSeats(show uint32, section string) ([]byte, error) {
	c := <-sc.idle
	defer func() { sc.idle <- c }()
	if err := sc.ask(c, show, section); err != nil {
		return nil, err
	}
	return readSeats(c)
}

func drawSeats(bits []byte) string {
	var sb strings.Builder
	for seat := range seatRows * seatsPerRow {
		if bits[seat/8]>>(seat%8)&1 == 1 {
			sb.WriteByte('o')
		} else {
			sb.WriteByte('.')
		}
		if seat%seatsPerRow == seatsPerRow-1 {
			sb.WriteByte('\n')
		}
	}
	return sb.String()
}

func seatMap(broken bool) http.HandlerFunc {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go seatStore(c)
		}
	}()
	store, err := newSeatClient(ln.Addr().String(), 24, broken)
	if err != nil {
		log.Fatal(err)
	}
	var seq atomic.Uint32
	return func(w http.ResponseWriter, r *http.Request) {
		show := 1000 + seq.Add(1)%90
		bits, err := store.freeSeats(show, [...]string{"stalls", "circle", "gallery"}[show%3])
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, "show %d\n%s", show, drawSeats(bits))
	}
}
