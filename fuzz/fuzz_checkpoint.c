/* Any bytes as the checkpoint that a run goes on from: weights, optimizer, schedules, counters, names of files. What is
 * taken must be in its range. Seeds are in torch's older format, which has no checksums. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "engine/dialect/dialect.h"
#include "engine/train/checkpoint/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char text[] =
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=1, stem_channels=2,\n"
    "    num_stages=1, out_indices=(0,), strides=(1,), dilations=(1,)),\n"
    "  decode_head=dict(type='FCNHead', in_channels=1, in_index=0, channels=1, num_convs=1, concat_input=False,\n"
    "    num_classes=2))\n"
    "optimizer = dict(type='AdamW', lr=0.02)\n"
    "rates = [dict(type='PolyLR', power=0.9, begin=0, end=9, by_epoch=False),\n"
    "  dict(type='ReduceOnPlateauLR', monitor='mIoU', by_epoch=True)]\n";

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_state(const run_state *s, const optimizer *o)
{
    check(s->iter >= 0 && s->epoch >= 0 && s->inner_iter >= 0 && s->bad_rounds >= 0 && s->summed >= 0);
    for (int i = 0; i < o->n_groups; i++)
        check(isfinite(o->groups[i].lr) && isfinite(o->groups[i].momentum) && isfinite(o->groups[i].weight_decay));
    for (int64_t i = 0; i < o->n_entries; i++)
        check(o->steps[i] >= 0 && o->steps[i] <= s->iter);
    for (size_t i = 0; i < s->files.kept.n; i++)
        check(run_files_is_saved(s->files.kept.at[i]));
    for (int i = 0; i < s->files.n_best; i++)
        check(!s->files.best[i].file || run_files_is_best(s->files.best[i].file, s->files.best[i].figure));
}

static void resume(const char *path, arena *mem)
{
    cseg_error err;
    value *cfg;
    model *m = NULL;
    experiment e = {.mem = mem, .path = "fuzz.py", .profile = dialect_1x.profile};
    run_best best = {.figure = "mIoU", .greater = true};
    run_state state = {.files = {.best = &best, .n_best = 1}};
    checkpoint_parts c = {.e = &e, .state = &state, .out_dir = "/tmp"};
    schedule_time t = {.epoch_length = 2, .max_iters = 9};
    check(config_parse_text(text, "fuzz.py", mem, &cfg, &err) == CSEG_OK &&
          model_build(value_get(cfg, "model"), NULL, &m, &err) == CSEG_OK &&
          optimizer_build(value_get(cfg, "optimizer"), NULL, &group_rules_mmengine, m, mem, &c.o, &err) == CSEG_OK &&
          schedule_read_1x(value_get(cfg, "rates"), NULL, c.o, &t, mem, &c.s, &err) == CSEG_OK);
    c.m = m;
    if (checkpoint_resume(path, &c, &t, &err) == CSEG_OK)
        check_state(&state, c.o);
    model_free(m);
}

/* Unlike file_replace_bytes without waiting for the disk. */
static bool write_bytes(const char *path, const uint8_t *data, size_t n)
{
    FILE *out = fopen(path, "wb");
    bool good = out && fwrite(data, 1, n, out) == n;
    return out && fclose(out) == 0 && good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[64];
    cseg_error err;
    learned_from learned;
    uint64_t seed;
    snprintf(path, sizeof path, "/tmp/iter_%ld.pth", (long)getpid());
    arena *mem = arena_new();
    if (write_bytes(path, data, n)) {
        resume(path, mem);
        if (learned_from_load(path, &learned, &err) == CSEG_OK && learned.has_range)
            check(isfinite(learned.range[0]) && isfinite(learned.range[1]));
        (void)checkpoint_peek_seed(path, &seed, &err);
    }
    unlink(path);
    arena_free(mem);
    return 0;
}
