#!/bin/sh
# On a terminal: one line of progress that fits its width and is gone in the end. Elsewhere: none.
. "$(dirname "$0")/lib.sh"
command -v python3 > /dev/null || { echo "skipped: no python3 to make a terminal"; exit 77; }
make_tiles
cat > terminal.py <<'END'
import fcntl, os, pty, struct, sys, termios
columns = int(sys.argv[1])
pid, fd = pty.fork()
if pid == 0:
    # The width has to be there before the program asks.
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    os.execvp(sys.argv[2], sys.argv[2:])
out = b''
while True:
    try:
        part = os.read(fd, 4096)
    except OSError:
        break
    if not part:
        break
    out += part
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
bars, left = [], ''
for line in out.decode().split('\r\n'):
    parts = line.split('\r\x1b[K')
    bars += [p for p in parts[:-1] if p]
    left = parts[-1]
print(code, len(bars), max(map(len, bars), default=0), 'loss' in ''.join(bars), 'it/s' in ''.join(bars),
      'ETA' in ''.join(bars), 'GiB' in ''.join(bars), repr(left))
END
for columns in 40 72 200; do
    python3 terminal.py $columns "$CSEG" train "$SOURCE/tests/cli/tiny.py" --threads 1 --work-dir work$columns > out.txt
    read -r code bars widest loss speed eta memory left < out.txt
    check "a run on a terminal" [ "$code" = 0 ]
    check "a line of progress" [ "$bars" -ge 1 ]
    check "$widest columns of $columns" [ "$widest" -lt "$columns" ]
    check "nothing is left of it" [ "$left" = "''" ]
    [ $columns = 40 ] || check "loss, speed, ETA, memory" [ "$loss$speed$eta$memory" = TrueTrueTrueTrue ]
done
run 0 "$CSEG" train "$SOURCE/tests/cli/tiny.py" --threads 1 --work-dir plain
check "no progress line elsewhere" sh -c "! grep -q 'it/s' err.txt"
finish
