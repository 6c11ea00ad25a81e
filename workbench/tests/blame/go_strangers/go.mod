module strangers

go 1.20
