#include "config/syntax/keywords.h"

#include <string.h>

bool keyword_is(const char *s, size_t n)
{
    static const char *const words[] = {"False",  "None",   "True",    "and",      "as",       "assert", "async",
                                        "await",  "break",  "class",   "continue", "def",      "del",    "elif",
                                        "else",   "except", "finally", "for",      "from",     "global", "if",
                                        "import", "in",     "is",      "lambda",   "nonlocal", "not",    "or",
                                        "pass",   "raise",  "return",  "try",      "while",    "with",   "yield"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == n && memcmp(words[i], s, n) == 0)
            return true;
    return false;
}

const char *name_fault(const char *s, size_t left)
{
    /* No-break, ideographic and zero-width space, byte order mark; then the four typographic quotation marks. */
    static const char *const like[] = {"\xC2\xA0",     "\xE3\x80\x80", "\xE2\x80\x8B", "\xEF\xBB\xBF",
                                       "\xE2\x80\x98", "\xE2\x80\x99", "\xE2\x80\x9C", "\xE2\x80\x9D"};
    for (size_t i = 0; i < sizeof like / sizeof *like; i++)
        if (left >= strlen(like[i]) && memcmp(s, like[i], strlen(like[i])) == 0)
            return i < 4 ? "an invisible character (a special space or mark) outside a string"
                         : "a typographic quotation mark; write ' or \"";
    return NULL;
}

/* Python 3.11's list, without the private ones. */
static const char standard[] =
    " "
    "abc aifc antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii "
    "bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop collections "
    "colorsys compileall concurrent configparser contextlib contextvars copy copyreg crypt csv ctypes "
    "curses dataclasses datetime dbm decimal difflib dis distutils doctest email encodings ensurepip enum "
    "errno faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc genericpath getopt "
    "getpass gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp "
    "importlib inspect io ipaddress itertools json keyword lib2to3 linecache locale logging lzma mailbox "
    "mailcap marshal math mimetypes mmap modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt "
    "ntpath nturl2path numbers opcode operator optparse os ossaudiodev pathlib pdb pickle pickletools "
    "pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile "
    "pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy "
    "sched secrets select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket "
    "socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep "
    "struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios "
    "textwrap this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty "
    "turtle turtledemo types typing unicodedata unittest urllib uu uuid venv warnings wave weakref "
    "webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo ";

bool stdlib_has(const char *module)
{
    if (strncmp(module, "mmengine.config", 15) == 0)
        return true;
    size_t n = strcspn(module, ".");
    for (const char *at = standard; n && (at = strchr(at, ' ')) && at[1]; at++)
        if (strncmp(at + 1, module, n) == 0 && at[1 + n] == ' ')
            return true;
    return false;
}
