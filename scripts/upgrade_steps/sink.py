"""A sink that remembers what it was sent."""

import http.server
import re
import threading


class Sink(http.server.ThreadingHTTPServer):
    """An OTLP receiver that counts how often each evaluation was sent to it as a log event."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), SinkRequest)
        self.sent = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()


class SinkRequest(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The key, and then the value behind a few bytes of protobuf.
    EVALUATION = re.compile(rb"judged\.evaluation\.id.{1,8}?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.DOTALL)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/v1/logs"):
            for evaluation in self.EVALUATION.findall(body):
                self.server.sent[evaluation] = self.server.sent.get(evaluation, 0) + 1
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass
