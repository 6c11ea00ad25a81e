package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"strconv"
)

var programs = map[string]func(broken bool) http.HandlerFunc{
	"payouts":       payoutsMain,
	"product-cards": productCardsMain,
	"scan-vault":    scanVaultMain,
	"resume-feed":   resumeFeedMain,
}

func main() {
	if len(os.Args) != 4 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: blind NAME broken|healthy PORT")
		os.Exit(2)
	}
	port, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	// DefaultServeMux also carries /debug/pprof/.
	http.HandleFunc("/", programs[os.Args[1]](os.Args[2] == "broken"))
	log.Fatal(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", port), nil))
}

func reply(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write([]byte(body))
}

// localTCP plays a neighbour service of the program and returns its address.
func localTCP(serve func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().String()
}

// localHTTP does the same for a neighbour that speaks HTTP.
func localHTTP(serve http.HandlerFunc) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(l, serve)
	return l.Addr().String()
}
