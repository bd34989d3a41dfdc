"""A small server for the download tests. usage: http_server.py FILE; prints its port, ends when its input ends.

The first part of a path says how the file comes:
  good, ranges (it can begin within), moved, round (redirects without end), hops/N (N redirects), to-file (one to a
  file:// address), short (half, then closed),
  unsized, unsized-half (HTTP/1.0: the end of the connection is the end of the file), longer (than its length says),
  page, short-page (HTML with 200), pointer (of Git LFS), empty, typed (the file, called text/html),
  endless, endless-page, trickle (a byte now and then), silent (no answer), refused (403)"""
import http.server
import os
import sys
import threading
import time

body = open(sys.argv[1], 'rb').read()
PAGE = b'<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>' + b'<p>Please sign in.</p>' * 100
POINTER = b'version https://git-lfs.github.com/spec/v1\noid sha256:' + b'4d' * 32 + b'\nsize 123456\n'


class Handler(http.server.BaseHTTPRequestHandler):

    def log_message(self, *args):
        pass

    def give(self, data, length=None, kind='application/octet-stream', status=200, **headers):
        self.send_response(status)
        self.send_header('Content-Type', kind)
        for key, value in headers.items():
            self.send_header(key.replace('_', '-'), value)
        if length is not None:
            self.send_header('Content-Length', str(length))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        path = self.path.split('?')[0]
        way = path.split('/')[1]
        try:
            self.answer(way, path)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.close_connection = True

    def answer(self, way, path):
        n = len(body)
        wanted = self.headers.get('Range')
        if way == 'good':
            self.give(body, n)
        elif way == 'ranges' and wanted:
            begin = int(wanted.split('=')[1].split('-')[0])
            if begin >= n:
                self.send_error(416)
            else:
                self.give(body[begin:], n - begin, status=206, Content_Range=f'bytes {begin}-{n - 1}/{n}')
        elif way == 'ranges':
            self.give(body, n)
        elif way in ('moved', 'round'):
            self.give(b'', 0, status=302, Location='/good/' + path[7:] if way == 'moved' else path)
        elif way == 'hops':
            left, name = path.split('/')[2:]
            to = '/good/' + name if left == '1' else f'/hops/{int(left) - 1}/{name}'
            self.give(b'', 0, status=302, Location=to)
        elif way == 'to-file':
            self.give(b'', 0, status=302, Location='file://' + os.path.abspath(sys.argv[1]))
        elif way == 'short':
            self.give(body[:n // 2], n)
        elif way == 'unsized':
            self.give(body)
        elif way == 'unsized-half':
            self.give(body[:n // 2])
        elif way == 'longer':
            self.give(body + b'more', n)
        elif way == 'page':
            self.give(PAGE, len(PAGE), 'text/html; charset=utf-8')
        elif way == 'short-page':
            self.give(PAGE[:80], 80, 'text/html')
        elif way == 'pointer':
            self.give(POINTER, len(POINTER), 'text/plain')
        elif way == 'empty':
            self.give(b'', 0)
        elif way == 'typed':
            self.give(body, n, 'text/html')
        elif way in ('endless', 'endless-page'):
            self.give(PAGE if way == 'endless-page' else body)
            while True:
                self.wfile.write(bytes(65536))
        elif way == 'trickle':
            self.give(body[:1000], n)
            for i in range(1000, n):
                self.wfile.write(body[i:i + 1])
                time.sleep(0.05)
        elif way == 'silent':
            time.sleep(600)
        elif way == 'refused':
            self.send_error(403)
        else:
            self.send_error(404)


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
