package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Ticket desk: sells seats for tonight's shows at the price that the box office publishes.

const deskShows = 40

type showPrice struct {
	Show  string `json:"show"`
	Cents int    `json:"cents"`
	Seats int    `json:"seats"`
}

type ticketDesk struct {
	mu     sync.RWMutex
	prices map[string]showPrice
	office string
	client *http.Client
	sold   atomic.Int64
}

func showName(n int64) string { return fmt.Sprintf("show-%02d", n%deskShows) }

// boxOffice stands for the remote price service of the theatre.
func boxOffice() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/prices", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(18 * time.Millisecond) // the office is across town
		list := make([]showPrice, 0, deskShows)
		for i := int64(0); i < deskShows; i++ {
			list = append(list, showPrice{showName(i), 1500 + int(i)*25 + time.Now().Second(), 300})
		}
		json.NewEncoder(w).Encode(list)
	})
	go http.Serve(ln, mux)
	return "http://" + ln.Addr().String() + "/prices", nil
}

func (d *ticketDesk) download() ([]showPrice, error) {
	resp, err := d.client.Get(d.office)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var list []showPrice
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return nil, err
	}
	return list, nil
}

// updateBoard brings the price board up to date in place.
func (d *ticketDesk) updateBoard() error {
	d.mu.Lock() // guilty
	defer d.mu.Unlock()
	list, err := d.download() // guilty
	if err != nil {
		return err
	}
	for _, p := range list {
		d.prices[p.Show] = p
	}
	return nil
}

// swapBoard builds a new price board and hangs it up.
func (d *ticketDesk) swapBoard() error {
	list, err := d.download()
	if err != nil {
		return err
	}
	board := make(map[string]showPrice, len(list))
	for _, p := range list {
		board[p.Show] = p
	}
	d.mu.Lock()
	d.prices = board
	d.mu.Unlock()
	return nil
}

func (d *ticketDesk) keepFresh(update func() error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if err := update(); err != nil {
			log.Print("prices: ", err)
		}
	}
}

func (d *ticketDesk) priceOf(show string) (showPrice, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	p, ok := d.prices[show]
	return p, ok
}

func (d *ticketDesk) sell(w http.ResponseWriter, r *http.Request) {
	n := d.sold.Add(1)
	p, ok := d.priceOf(showName(n))
	if !ok {
		http.Error(w, "no such show", http.StatusNotFound)
		return
	}
	fmt.Fprintf(w, "ticket %d for %s, seat %d: %d.%02d\n", n, p.Show, n%int64(p.Seats), p.Cents/100, p.Cents%100)
}

func runTicketDesk(broken bool, addr string) error {
	office, err := boxOffice()
	if err != nil {
		return err
	}
	d := &ticketDesk{prices: map[string]showPrice{}, office: office, client: &http.Client{Timeout: 5 * time.Second}}
	if err := d.swapBoard(); err != nil {
		return err
	}
	if broken {
		go d.keepFresh(d.updateBoard)
	} else {
		go d.keepFresh(d.swapBoard)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", d.sell)
	return http.ListenAndServe(addr, mux)
}
