"""A small server for the download tests. usage: http_server.py FILE; prints its port, ends when its input ends."""
import http.server
import sys
import threading

body = open(sys.argv[1], 'rb').read()


class Handler(http.server.BaseHTTPRequestHandler):

    def log_message(self, *args):
        pass

    def do_GET(self):
        path, begin = self.path.split('?')[0], 0
        if path.startswith('/moved/'):
            self.send_response(302)
            self.send_header('Location', '/good/' + path[7:])
            self.end_headers()
            return
        if path.startswith('/round/'):
            self.send_response(302)
            self.send_header('Location', path)
            self.end_headers()
            return
        if not path.startswith(('/good/', '/short/', '/ranges/')):
            self.send_error(404)
            return
        wanted = self.headers.get('Range')
        if wanted and path.startswith('/ranges/'):
            begin = int(wanted.split('=')[1].split('-')[0])
            if begin >= len(body):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header('Content-Range', f'bytes {begin}-{len(body) - 1}/{len(body)}')
        else:
            self.send_response(200)
        self.send_header('Content-Length', str(len(body) - begin))
        self.end_headers()
        end = len(body) // 2 if path.startswith('/short/') else len(body)
        self.wfile.write(body[begin:end])


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
