#include "io/torch/convert/weight_rules.h"

/* The backbone may be BiSeNet's context path, `cp`. Its layers are numbered through, not by stage. */
#define CONTEXT_PATH GO_ON("*cp.*", "**")
#define LAYER(n, stage) GO_ON("features." n ".*", "stages." stage ".*")
#define LAYERS                                                                                                         \
    RENAME("*conv_list*", "*layers*"), RENAME("*avd_layer.0*", "*downsample.conv*"),                                   \
        RENAME("*avd_layer.1*", "*downsample.bn*"), RENAME("stages.*", "stages.*"), RULES_END

static const weight_rule rules_1[] = {
    CONTEXT_PATH,      LAYER("0", "0"),   LAYER("1", "1"),   LAYER("2", "2.0"), LAYER("3", "2.1"),
    LAYER("4", "3.0"), LAYER("5", "3.1"), LAYER("6", "4.0"), LAYER("7", "4.1"), LAYERS,
};
const weight_source weight_source_stdc1 = {
    .name = "stdc1",
    .about = "STDC1 of its authors",
    .signs = {"*features.7.conv_list.*"},
    .drops_others = true,
    .rules = rules_1,
};

static const weight_rule rules_2[] = {
    CONTEXT_PATH,       LAYER("0", "0"),    LAYER("1", "1"),    LAYER("2", "2.0"),
    LAYER("3", "2.1"),  LAYER("4", "2.2"),  LAYER("5", "2.3"),  LAYER("6", "3.0"),
    LAYER("7", "3.1"),  LAYER("8", "3.2"),  LAYER("9", "3.3"),  LAYER("10", "3.4"),
    LAYER("11", "4.0"), LAYER("12", "4.1"), LAYER("13", "4.2"), LAYERS,
};
const weight_source weight_source_stdc2 = {
    .name = "stdc2",
    .about = "STDC2 of its authors",
    .signs = {"*features.13.conv_list.*"},
    .drops_others = true,
    .rules = rules_2,
};
