package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

var programs = map[string]func(broken bool, port string){
	"freight-tariff": freightQuote,
	"audit-roll":   auditTrail,
	"stock-link":   stockCheck,
	"receipts":      receipts,
	"price-board":   priceBoard,
	"ticket-index":  ticketIndex,
	"departures":    departures,
}

func main() {
	if len(os.Args) != 4 || (os.Args[2] != "broken" && os.Args[2] != "healthy") {
		fmt.Fprintln(os.Stderr, "usage: blind NAME broken|healthy PORT")
		os.Exit(2)
	}
	run, ok := programs[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such program:", os.Args[1])
		os.Exit(2)
	}
	run(os.Args[2] == "broken", os.Args[3])
}

// serve answers GET / with h on the loopback address until the process ends.
func serve(port string, h http.HandlerFunc) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", h)
	if err := http.ListenAndServe("127.0.0.1:"+port, mux); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// stateDir is a fresh directory next to the binary for a program's own files.
func stateDir(name, port string) string {
	exe, err := os.Executable()
	must(err)
	dir := filepath.Join(filepath.Dir(exe), "var", name+"-"+port)
	must(os.RemoveAll(dir))
	must(os.MkdirAll(dir, 0o755))
	return dir
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
