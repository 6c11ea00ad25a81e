package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"sync/atomic"
	"time"
)

// Stock check: a shop front that asks the depot how many of an article are left.

type stockLine struct {
	Article string `json:"article"`
	Left    int    `json:"left"`
	Aisle   string `json:"aisle"`
}

type stockCheck struct {
	depot  string
	client *http.Client
	asked  atomic.Int64
}

// depot stands for the stock service at the other end of the yard.
func depot() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/stock", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(5 * time.Millisecond) // its database
		article := r.URL.Query().Get("article")
		left := 0
		for _, c := range article {
			left = (left*33 + int(c)) % 90
		}
		json.NewEncoder(w).Encode(stockLine{article, left, string(rune('A' + left%8))})
	})
	go http.Serve(ln, mux)
	return "http://" + ln.Addr().String() + "/stock", nil
}

func depotClient() *http.Client {
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			MaxConnsPerHost:     1, // guilty
			MaxIdleConnsPerHost: 1,
			IdleConnTimeout:     90 * time.Second,
		},
	}
}

func wideClient() *http.Client {
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			MaxConnsPerHost:     64,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     90 * time.Second,
		},
	}
}

func (s *stockCheck) article() string {
	kinds := []string{"kettle", "lamp", "rug", "stool", "vase"}
	n := s.asked.Add(1)
	return fmt.Sprintf("%s-%03d", kinds[n%int64(len(kinds))], n*37%700)
}

func (s *stockCheck) lookUp(article string) (stockLine, error) {
	var line stockLine
	resp, err := s.client.Get(s.depot + "?article=" + article) // guilty
	if err != nil {
		return line, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return line, fmt.Errorf("depot says %s", resp.Status)
	}
	err = json.NewDecoder(resp.Body).Decode(&line)
	return line, err
}

func wording(line stockLine) string {
	switch {
	case line.Left == 0:
		return "sold out"
	case line.Left < 5:
		return fmt.Sprintf("only %d left in aisle %s", line.Left, line.Aisle)
	}
	return fmt.Sprintf("plenty in aisle %s", line.Aisle)
}

func (s *stockCheck) show(w http.ResponseWriter, r *http.Request) {
	line, err := s.lookUp(s.article())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprintf(w, "%s: %s\n", line.Article, wording(line))
}

func runStockCheck(broken bool, addr string) error {
	url, err := depot()
	if err != nil {
		return err
	}
	s := &stockCheck{depot: url}
	if broken {
		s.client = depotClient()
	} else {
		s.client = wideClient()
	}
	http.HandleFunc("/", s.show)
	return http.ListenAndServe(addr, nil)
}
