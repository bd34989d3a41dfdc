/* Division of scenes, corners of crops and windows, against what each says by brute force, pixel by pixel. */
#include "data/scenes/regions.h"

#include "base/random.h"
#include "data_test.h"

enum { H = 61, W = 83 };

static uint8_t part_of[H * W];

/* Paints the parts; every pixel must belong to one. */
static void paint(const regions parts[SCENE_PARTS])
{
    memset(part_of, 99, sizeof part_of);
    for (int p = 0; p < SCENE_PARTS; p++)
        for (size_t i = 0; i < parts[p].n; i++) {
            region r = parts[p].at[i];
            for (int64_t y = r.y; y < r.y + r.h; y++)
                for (int64_t x = r.x; x < r.x + r.w; x++) {
                    assert_true(y >= 0 && y < H && x >= 0 && x < W);
                    assert_int_equal(part_of[y * W + x], 99);
                    part_of[y * W + x] = (uint8_t)p;
                }
        }
    for (int i = 0; i < H * W; i++)
        assert_int_not_equal(part_of[i], 99);
}

static double share(int part)
{
    int n = 0;
    for (int i = 0; i < H * W; i++)
        n += part_of[i] == part;
    return (double)n / (H * W);
}

/* A crop at (y, x), widened by the gap, holds no pixel that is held out. */
static bool is_free(int64_t y, int64_t x, int64_t h, int64_t w, int64_t gap)
{
    for (int64_t i = y - gap; i < y + h + gap; i++)
        for (int64_t k = x - gap; k < x + w + gap; k++)
            if (i >= 0 && i < H && k >= 0 && k < W && part_of[i * W + k] != PART_TRAIN)
                return false;
    return true;
}

static const scene_split ways[] = {
    {.by = SPLIT_NONE},
    {.by = SPLIT_ROWS, .share = {0, 0.3, 0.1}},
    {.by = SPLIT_COLUMNS, .share = {0, 0.25, 0}},
    {.by = SPLIT_BLOCKS, .share = {0, 0.2, 0.1}, .block = 10, .seed = 3},
    {.by = SPLIT_BLOCKS, .share = {0, 0.4, 0.2}, .block = 7, .seed = 4},
    {.by = SPLIT_BLOCKS, .share = {0, 0.2, 0.2}, .block = 40},
};
enum { WAYS = sizeof ways / sizeof ways[0] };

static void split(int way, const char *name, regions parts[SCENE_PARTS])
{
    memset(parts, 0, SCENE_PARTS * sizeof *parts);
    assert_int_equal(regions_split(&ways[way], name, H, W, mem, parts, &err), CSEG_OK);
    paint(parts);
}

static void every_pixel_belongs_to_one_part(void **state)
{
    (void)state;
    for (int i = 0; i < WAYS; i++) {
        regions parts[SCENE_PARTS];
        split(i, "a.tif", parts);
        bool straight = ways[i].by == SPLIT_ROWS || ways[i].by == SPLIT_COLUMNS;
        double near = straight ? 0.01 : ways[i].block < 20 ? 0.06 : 0.3;
        for (int p = PART_VAL; p < SCENE_PARTS; p++) {
            assert_true(share(p) >= ways[i].share[p] - near && share(p) <= ways[i].share[p] + near);
            if (ways[i].share[p] > 0) /* there are three blocks or more */
                assert_true(share(p) > 0);
        }
    }
}

static void blocks_depend_on_seed_and_name_alone(void **state)
{
    (void)state;
    regions parts[SCENE_PARTS];
    uint8_t before[H * W];
    split(3, "a.tif", parts);
    memcpy(before, part_of, sizeof before);
    split(3, "a.tif", parts);
    assert_memory_equal(before, part_of, sizeof before);
    split(3, "b.tif", parts);
    assert_memory_not_equal(before, part_of, sizeof before);
    scene_split other = ways[3];
    other.seed++;
    memset(parts, 0, sizeof parts);
    assert_int_equal(regions_split(&other, "a.tif", H, W, mem, parts, &err), CSEG_OK);
    paint(parts);
    assert_memory_not_equal(before, part_of, sizeof before);
}

static void corners_are_all_that_leak_nothing(void **state)
{
    (void)state;
    static const int64_t crops[][2] = {{1, 1}, {8, 8}, {5, 17}, {20, 6}, {61, 83}, {62, 10}}, gaps[] = {0, 1, 6, 30};
    for (int i = 0; i < WAYS; i++)
        for (int c = 0; c < 6; c++)
            for (int g = 0; g < 4; g++) {
                regions parts[SCENE_PARTS], corners = {0};
                int64_t h = crops[c][0], w = crops[c][1];
                uint8_t taken[H * W] = {0};
                split(i, "a.tif", parts);
                assert_int_equal(regions_corners(H, W, h, w, parts, gaps[g], mem, &corners, &err), CSEG_OK);
                for (size_t k = 0; k < corners.n; k++) {
                    region r = corners.at[k];
                    if (k)
                        assert_true(corners.at[k - 1].y + corners.at[k - 1].h <= r.y + r.h);
                    for (int64_t y = r.y; y < r.y + r.h; y++)
                        for (int64_t x = r.x; x < r.x + r.w; x++)
                            assert_int_equal(taken[y * W + x]++, 0);
                }
                for (int64_t y = 0; y < H; y++)
                    for (int64_t x = 0; x < W; x++) {
                        bool good = y + h <= H && x + w <= W && is_free(y, x, h, w, gaps[g]);
                        assert_int_equal(taken[y * W + x], good);
                    }
            }
}

static void each_pixel_of_a_part_counts_once(void **state)
{
    (void)state;
    static const int64_t crops[][3] = {{8, 8, 0}, {10, 16, 3}, {64, 64, 0}, {64, 30, 5}, {9, 9, 4}, {7, 5, 0}};
    for (int i = 0; i < WAYS; i++)
        for (int p = 0; p < SCENE_PARTS; p++)
            for (int c = 0; c < 6; c++) {
                regions parts[SCENE_PARTS];
                counted_windows all = {0};
                uint8_t counted[H * W] = {0};
                split(i, "a.tif", parts);
                assert_int_equal(
                    regions_windows(&parts[p], H, W, crops[c][0], crops[c][1], crops[c][2], mem, &all, &err), CSEG_OK);
                for (size_t k = 0; k < all.n; k++) {
                    region at = all.at[k].at, own = all.at[k].own;
                    assert_true(at.y >= 0 && at.x >= 0 && at.y + at.h <= H && at.x + at.w <= W);
                    assert_true(at.h <= crops[c][0] && at.w <= crops[c][1]);
                    assert_int_equal(region_overlap(at, own), own.h * own.w);
                    /* What counts has its context, but at the borders of the scene. */
                    int64_t m = crops[c][2];
                    assert_true(at.y == 0 || own.y - at.y >= m);
                    assert_true(at.y + at.h == H || at.y + at.h - own.y - own.h >= m);
                    assert_true(at.x == 0 || own.x - at.x >= m);
                    assert_true(at.x + at.w == W || at.x + at.w - own.x - own.w >= m);
                    for (int64_t y = own.y; y < own.y + own.h; y++)
                        for (int64_t x = own.x; x < own.x + own.w; x++)
                            counted[y * W + x]++;
                    if (!m) /* nothing else is seen */
                        assert_int_equal(regions_overlap(&parts[p], at), at.h * at.w);
                }
                for (int k = 0; k < H * W; k++)
                    assert_int_equal(counted[k], part_of[k] == p);
            }
}

static void overlap_counts_pixels(void **state)
{
    (void)state;
    regions parts[SCENE_PARTS];
    rng r = {1};
    for (int i = 0; i < WAYS; i++) {
        split(i, "a.tif", parts);
        for (int k = 0; k < 50; k++) {
            region a = {rng_below(&r, H), rng_below(&r, W), 0, 0};
            int64_t n[SCENE_PARTS] = {0};
            a.h = 1 + rng_below(&r, H - a.y);
            a.w = 1 + rng_below(&r, W - a.x);
            for (int64_t y = a.y; y < a.y + a.h; y++)
                for (int64_t x = a.x; x < a.x + a.w; x++)
                    n[part_of[y * W + x]]++;
            for (int p = 0; p < SCENE_PARTS; p++)
                assert_int_equal(regions_overlap(&parts[p], a), n[p]);
        }
    }
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        regions parts[SCENE_PARTS] = {0}, corners = {0};
        counted_windows all = {0};
        arena *own = arena_new();
        mem_fail_at(n);
        cseg_status status = regions_split(&ways[4], "a.tif", H, W, own, parts, &err);
        if (status == CSEG_OK)
            status = regions_corners(H, W, 8, 8, parts, 1, own, &corners, &err);
        if (status == CSEG_OK)
            status = regions_windows(&parts[PART_VAL], H, W, 8, 8, 1, own, &all, &err);
        mem_fail_at(0);
        arena_free(own);
        if (status == CSEG_OK)
            break;
        assert_int_equal(status, CSEG_NO_MEMORY);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_pixel_belongs_to_one_part),
        TEST(blocks_depend_on_seed_and_name_alone),
        TEST(corners_are_all_that_leak_nothing),
        TEST(each_pixel_of_a_part_counts_once),
        TEST(overlap_counts_pixels),
        TEST(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
