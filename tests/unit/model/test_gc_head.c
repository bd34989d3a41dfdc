/* Fields of GCHead that cannot be right. */
#include "model_test.h"

static const char gc_head[] = "model = dict(type='EncoderDecoder',\n"
                              "  backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8),\n"
                              "  decode_head=dict(type='GCHead', in_channels=64, in_index=3, channels=8,\n"
                              "    num_classes=4, %s))\n";

static void gc_refused(const char *more, const char *a, const char *b)
{
    char text[1024];
    snprintf(text, sizeof text, gc_head, more);
    test_refused(text, CSEG_CONFIG, a, b);
}

static void context_blocks_need_a_fusion_and_channels(void **state)
{
    (void)state;
    gc_refused("fusion_types=()", "fusion_types", "at least one");
    gc_refused("fusion_types='channel_add'", "fusion_types", "is a list");
    gc_refused("fusion_types=('channel_sub', )", "fusion_types", "not channel_sub");
    gc_refused("ratio=0.1", "ratio", "8 channels leaves none");
    gc_refused("num_convs=3", "num_convs", "GCHead");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_blocks_need_a_fusion_and_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
