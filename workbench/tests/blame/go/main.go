// A shop over HTTP with one fault at most: shop VARIANT PORT. Variants: hog, lock, leak, healthy. Endpoints for profiles lie
// beside its own.
package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	_ "net/http/pprof"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var (
	served  atomic.Int64
	ledger  sync.Mutex
	balance int64
)

// seal stretches a key: about 15 ms of CPU.
func seal(rounds int) byte {
	sum := sha256.Sum256([]byte("key"))
	for i := 0; i < rounds; i++ { // guilty of hog
		sum = sha256.Sum256(sum[:])
	}
	return sum[0]
}

// audit keeps the ledger while it waits for another machine.
func audit() int64 {
	ledger.Lock()
	defer ledger.Unlock()
	time.Sleep(12 * time.Millisecond) // guilty of lock
	return balance
}

func post() int64 {
	ledger.Lock()
	defer ledger.Unlock()
	balance++
	return balance
}

// watch waits for a price that nobody ever sends.
func watch() chan int64 {
	prices := make(chan int64)
	go func() { // guilty of leak
		balance := <-prices
		fmt.Println(balance)
	}()
	return prices
}

func handler(variant string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n := served.Add(1)
		switch {
		case variant == "hog" && n%3 == 0:
			fmt.Fprintln(w, seal(120_000))
		case variant == "lock" && n%3 == 0:
			fmt.Fprintln(w, audit())
		case variant == "leak":
			watch()
			fmt.Fprintln(w, post())
		default:
			fmt.Fprintln(w, post())
		}
	}
}

func main() {
	http.HandleFunc("/", handler(os.Args[1]))
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[2], nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
