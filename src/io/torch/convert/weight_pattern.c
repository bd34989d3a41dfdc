#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "io/torch/convert/weight_rules.h"

enum { MOST_DIGITS = 9 };

/* Takes a number from the front of *name as the `#` at *pattern wants it; moves both. */
static bool take_number(const char **pattern, const char **name, captures *c)
{
    size_t n = 0;
    while (n <= MOST_DIGITS && isdigit((unsigned char)(*name)[n]))
        n++;
    ++*pattern;
    if (n == 0 || n > MOST_DIGITS || c->n == MOST_CAPTURES)
        return false;
    if (**pattern == '<') {
        char *end;
        long limit = strtol(*pattern + 1, &end, 10);
        *pattern = end;
        if (strtol(*name, NULL, 10) >= limit)
            return false;
    }
    c->at[c->n].text = *name;
    c->at[c->n].n = n;
    c->at[c->n++].number = true;
    *name += n;
    return true;
}

/* Where two texts are sought behind each other, the first place of the first one leaves most room for the second, so
 * only the last `*` is ever made longer. */
bool weight_matches(const char *pattern, const char *name, captures *out)
{
    captures c = {.n = 0};
    const char *p = pattern, *after_star = NULL;
    int star = 0; /* captures up to and with the last star */
    for (;;) {
        bool fits;
        if (*p == '*') {
            if (c.n == MOST_CAPTURES)
                return false;
            c.at[c.n].text = name;
            c.at[c.n].n = 0;
            c.at[c.n++].number = false;
            star = c.n;
            after_star = ++p;
            if (!*p) { /* it takes the rest */
                c.at[star - 1].n = strlen(name);
                break;
            }
            continue;
        }
        if (!*p && !*name)
            break;
        if (*p == '#') {
            fits = take_number(&p, &name, &c);
        } else {
            fits = *p && *p == *name;
            p++;
            name++;
        }
        if (fits)
            continue;
        if (!star || !c.at[star - 1].text[c.at[star - 1].n])
            return false;
        c.n = star;
        name = c.at[star - 1].text + ++c.at[star - 1].n;
        p = after_star;
    }
    *out = c;
    return true;
}

char *weight_expand(const char *pattern, const captures *c, arena *mem)
{
    strbuf b = {.mem = mem};
    int text = 0, number = 0;
    strbuf_add(&b, "");
    for (const char *p = pattern; *p;) {
        if (*p != '*' && *p != '#') {
            strbuf_addn(&b, p++, 1);
            continue;
        }
        bool wanted = *p++ == '#';
        int *i = wanted ? &number : &text;
        while (*i < c->n && c->at[*i].number != wanted)
            ++*i;
        if (*i == c->n)
            continue;
        if (wanted && *p == '-' && isdigit((unsigned char)p[1])) {
            char *end;
            strbuf_addf(&b, "%ld", strtol(c->at[*i].text, NULL, 10) - strtol(p + 1, &end, 10));
            p = end;
        } else {
            strbuf_addn(&b, c->at[*i].text, c->at[*i].n);
        }
        ++*i;
    }
    return b.failed ? NULL : b.text;
}
