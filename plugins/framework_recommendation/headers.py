"""Headers of the columns of logs, catalogues and user lists, the best first. No torch.

Headers are compared without case, spaces and punctuation: "User-ID" is "user_id".
"""

from __future__ import annotations

USER = (
    "user", "user_id", "uid", "user_name", "customer", "customer_id", "cust_id", "customer_no", "customer_number", "client",
    "client_id", "visitor", "visitor_id", "reviewer_id", "reviewer", "member", "member_id", "buyer", "buyer_id",
    "shopper_id", "account", "account_id", "profile_id", "person_id", "viewer_id", "reader_id", "listener_id", "player_id",
    "steamid", "author_steamid", "user_mboxsha1", "user_sha1", "household_key", "household_id", "user_session", "session",
    "session_id", "kunde", "kunden_id", "kundennummer", "用户", "用户ID", "用户编号", "用户标识", "用户名", "会员",
    "会员ID", "会员编号", "客户", "客户ID", "客户编号", "顾客", "顾客ID", "买家", "买家ID",
)  # fmt: skip
ITEM = (
    "item", "item_id", "iid", "item_no", "movie", "movie_id", "film", "film_id", "show_id", "anime_id", "product",
    "product_id", "product_code", "prod_id", "stock_code", "sku", "sku_id", "asin", "parent_asin", "article", "article_id",
    "article_no", "article_number", "goods_id", "isbn", "book", "book_id", "track", "track_id", "song", "song_id",
    "musicbrainz_track_id", "artist", "artist_id", "musicbrainz_artist_id", "artist_name", "album_id", "app_id", "game",
    "game_id", "business_id", "restaurant_id", "recipe_id", "video_id", "news_id", "post_id", "content_id", "course_id",
    "job_id", "listing_id", "hotel_id", "place_id", "venue_id", "ad_id", "artikel", "artikel_id", "artikelnummer", "商品",
    "商品ID", "商品编号", "商品编码", "物品", "物品ID", "物品编号", "产品", "产品ID", "产品编号", "货号", "电影", "电影ID",
    "文章", "文章ID", "视频", "视频ID", "书籍", "书籍ID", "图书", "图书ID", "歌曲", "歌曲ID", "新闻ID", "内容ID", "项目ID",
)  # fmt: skip
TIME = (
    "time", "timestamp", "datetime", "date", "date_time", "unix_review_time", "ts", "event_time", "event_timestamp",
    "event_date", "time_stamp", "time_ms", "created_at", "created", "create_time", "invoice_date", "order_date",
    "order_time", "purchase_date", "purchase_time", "order_purchase_timestamp", "transaction_date", "t_dat",
    "rating_timestamp", "rated_at", "review_time", "review_date", "timestamp_created", "played_at", "watched_at",
    "clicked_at", "bestelldatum", "datum", "时间", "时间戳", "日期", "下单时间", "购买时间", "购买日期", "订单日期",
    "创建时间", "评论时间", "评分时间", "行为时间", "交易时间", "点击时间",
)  # fmt: skip
RATING = (
    "rating", "score", "stars", "overall", "value", "weight", "user_rating", "book_rating", "rating_score", "review_score",
    "star_rating", "评分", "打分", "分数", "星级",
)  # fmt: skip
EVENT = (
    "event", "event_type", "event_name", "action", "action_type", "behavior", "behavior_type", "behavior_name", "behaviour",
    "behaviour_type", "interaction", "interaction_type", "activity", "activity_type", "行为", "行为类型", "事件",
    "事件类型", "操作", "操作类型",
)  # fmt: skip
FEEDBACK = (
    "feedback", "label", "target", "click", "clicked", "is_click", "is_clicked", "purchased", "is_purchased", "bought",
    "ordered", "converted", "conversion", "like", "liked", "is_like", "is_liked", "thumb", "thumbs", "vote", "voted_up",
    "recommended", "is_recommended", "interested", "标签", "点击", "是否点击", "是否购买", "是否喜欢", "点赞", "是否推荐",
)  # fmt: skip
QUANTITY = (
    "quantity", "qty", "units", "plays", "play_count", "listen_count", "item_count", "num_items", "menge", "anzahl", "数量",
    "购买数量", "件数", "播放次数",
)  # fmt: skip
TITLE = (
    "title", "movie_title", "name", "product_name", "item_name", "book_title", "track_name", "artist_name", "prod_name",
    "标题", "名称", "商品名称", "物品名称", "电影名称", "书名", "片名",
)  # fmt: skip
DESCRIPTION = (
    "description", "text", "plot", "overview", "abstract", "summary", "about", "detail_desc", "描述", "商品描述", "简介",
    "内容",
)  # fmt: skip
