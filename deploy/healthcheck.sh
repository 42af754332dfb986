#!/bin/bash
# Asks judged whether it can work; the image has no curl. Exit code 0 when /readyz says 200.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/${1:-8080}"
printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
read -r -t 4 status <&3
[[ $status == *" 200 "* ]]
