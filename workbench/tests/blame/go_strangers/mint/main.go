package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
)

type program func(broken bool) http.Handler

var programs = map[string]program{
	"mint-register": mintRegister,
	"ocean-manifest": oceanManifest,
	"print-labels": printLabels,
	"quote-tariff": quoteTariff,
	"rail-fares": railFares,
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: blind NAME broken|healthy PORT")
		os.Exit(2)
	}
	build, ok := programs[os.Args[1]]
	if !ok || (os.Args[2] != "broken" && os.Args[2] != "healthy") {
		fmt.Fprintln(os.Stderr, "unknown program or variant")
		os.Exit(2)
	}
	h := build(os.Args[2] == "broken")
	ln := must(net.Listen("tcp", "127.0.0.1:"+os.Args[3]))
	log.Fatal(http.Serve(ln, h))
}
